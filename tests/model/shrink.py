# SPDX-License-Identifier: Apache-2.0
"""The smallest program that still disagrees, by taking away (delta debugging)."""
from program import Operation, Program


def shrink_list(items, fails):
    """Takes out stretches, halves first, single items at the end."""
    size = max(1, len(items) // 2)
    while items:
        at = 0
        while at < len(items):
            fewer = items[:at] + items[at + size:]
            if fails(fewer):
                items = fewer
            else:
                at += size
        if size == 1:
            break
        size //= 2
    return items


def alone(operation):
    return Operation(operation.name, operation.slot, *operation.arguments)


def shrink(program, fails):
    """fails(program) says whether it still disagrees."""
    before = None
    while before != program.text():
        before = program.text()
        operations = shrink_list(program.operations, lambda some: fails(Program(program.content, some)))
        content = dict(shrink_list(sorted(program.content.items()), lambda some: fails(Program(dict(some), operations))))
        for at, operation in enumerate(operations):
            fewer_together = operations[:at] + [alone(operation)] + operations[at + 1:]
            if operation.together and fails(Program(content, fewer_together)):
                operations = fewer_together
        program = Program(content, operations)
    return program
