"""Many tiles and days: units as plain data, a ledger of what came of each, executors that survive what kills a unit.

Nothing is imported here: a child process that begins should load what its work needs, and no more.
"""
