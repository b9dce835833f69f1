"""What happens to a fleet, and what its clients notice of it. Each leaves all three machines in service."""


def restarted(fleet, *before):
    """Each machine in turn, once `before(frontend)` is done, each with visitors behind it."""
    visitors = fleet.visitors()
    for one in fleet.frontends:
        for step in (*before, lambda machine: machine.stop()):
            visitors.wait_for()
            step(one)
        visitors.wait_for()
        one.begin()
        fleet.balancer.take_back(one)
    visitors.wait_for()
    return visitors.stop()


def restart_by_hand(fleet):
    """The balancer is told and has noticed, then the machine is restarted."""
    return restarted(fleet, fleet.balancer.take_out)


def restart_by_signal(fleet):
    """As `systemctl restart` does it, which tells nobody before."""
    return restarted(fleet)


def death(fleet):
    """One machine is gone at once. Before that is noticed, after it, and how many of nine sessions,
    three on each machine, go on."""
    held = fleet.sessions(9)
    victim = fleet.frontends[0]
    visitors = fleet.visitors()
    visitors.wait_for()
    victim.kill()
    fleet.balancer.notices_death(victim)
    before = visitors.stop()
    visitors = fleet.visitors()
    visitors.wait_for(60)
    after = visitors.stop()
    alive = sum(answers(one) for one in held)
    for one in held:
        one.socket.close()
    victim.begin()
    fleet.balancer.take_back(victim)
    return before, after, alive


def answers(session):
    try:
        return session.command(b"NOOP").startswith(b"+OK")
    except (OSError, AssertionError):
        return False


def rolled(fleet, change):
    """`change(frontend)` for each machine in turn; and how many of six sessions go on."""
    held = fleet.sessions(6)
    visitors = fleet.visitors()
    for one in fleet.frontends:
        visitors.wait_for()
        change(one)
    visitors.wait_for()
    tally = visitors.stop()
    alive = sum(answers(one) for one in held)
    for one in held:
        one.socket.close()
    return tally, alive


def tickets_rolled(fleet):
    """A new ticket key for all, in the documented steps."""
    visitors = fleet.visitors()
    for files in fleet.ticket_steps:
        for one in fleet.frontends:
            visitors.wait_for()
            one.take_tickets(files)
    visitors.wait_for()
    return visitors.stop()


def serials(fleet, count=6):
    """Of the certificates that newcomers see, one after the other on each machine."""
    sessions = fleet.sessions(count)
    seen = {one.tls.getpeercert()["serialNumber"] for one in sessions}
    for one in sessions:
        one.close()
    return seen


def resumed(tally):
    """The share of those served that could have come with a ticket."""
    return tally.resumed / max(1, tally.served - 2)  # each of two visitors had none the first time
