# SPDX-License-Identifier: Apache-2.0
"""All mutants, in order of the rules; then those of no rule."""
import elsewhere
import input as content
import leaders
import serializability
import verdicts

MUTANTS = [*serializability.MUTANTS, *leaders.MUTANTS, *verdicts.MUTANTS, *content.MUTANTS, *elsewhere.MUTANTS]
