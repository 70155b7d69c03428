"""When to look: schedules become runs, and a worker gives each run a child process that analyses and reports.

Floor 4. Meets the collector only in the store. The serving process imports `scheduler.scheduler` and
`scheduler.cadence`; the child and the offline command line import `scheduler.analysing`, which analyses.
"""
