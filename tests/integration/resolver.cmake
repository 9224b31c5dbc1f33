# SPDX-License-Identifier: Apache-2.0
verdict_pytest(resolver_start_test resolver_start_test.py)
verdict_pytest(resolver_drain_test resolver_drain_test.py)
verdict_pytest(resolver_lead_test resolver_lead_test.py)
verdict_pytest(resolver_rules_test resolver_rules_test.py)
verdict_pytest(resolver_guard_test resolver_guard_test.py)
verdict_pytest(resolver_sequence_world_test resolver_sequence_test.py)
verdict_pytest(resolver_notify_test resolver_notify_test.py TIMEOUT 600 LONG) # fills 8 GB
