"""What the tests with real peers share: programs, sockets, deadlines.

No test sleeps and none tries again; every wait ends by what it waits for or
by the deadline.  Ports are 0, programs are ended by their process id.
"""
