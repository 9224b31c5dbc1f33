-- SPDX-License-Identifier: Apache-2.0
-- Programs that are older than the schema. The row of a migration says whether programs for which it is the newest are served
-- still. A migration that only adds leaves that as it is; one that older programs could not live with says
--   UPDATE schema_migrations SET served = false;
-- whose own row comes after it. Programs that run do not look again: who writes such a migration sees to it that they fail clearly.
ALTER TABLE schema_migrations ADD COLUMN served boolean NOT NULL DEFAULT true;
