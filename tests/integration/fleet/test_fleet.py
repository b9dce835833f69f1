"""Three machines behind haproxy in TCP mode, and behind DNAT of the kernel: what clients notice when
machines are restarted, die, are renewed, upgraded, or configured in another way."""

import pytest

from harness import fleet_scenes as scenes
from harness.fleet import CLIENT, Fleet
from harness.netns import command
from harness.wait import wait_until
from servers import common


@pytest.fixture(scope="module", autouse=True)
def prerequisites():
    """It is said what is missing: nothing is skipped."""
    for program, package in (("ip", "iproute2"), ("nft", "nftables"), ("haproxy", "haproxy"),
                             ("unshare", "util-linux")):
        common.program(program, package, "/usr/sbin", "/usr/bin", "/sbin", "/bin")
    command("unshare", "--net", "--mount", "true")  # needs root, and a machine that allows it


@pytest.fixture(scope="module", params=["haproxy", "dnat"])
def fleet(request, run, pki, binary):
    made = Fleet(run, pki, binary, f"fleet-{request.param}", through=request.param,
                 drain_delay="3s" if request.param == "haproxy" else "0s", drain_newcomers="reset")
    yield made
    made.close()


def assert_unnoticed(tally):
    assert tally.refused == []
    assert tally.lost == []
    assert tally.served > 0


def test_the_server_sees_the_clients_addresses(fleet):
    fleet.server.clients.clear()
    visitors = fleet.visitors()
    visitors.wait_for(100)
    assert_unnoticed(visitors.stop())
    assert set(fleet.server.clients) == {CLIENT}
    for one in fleet.frontends:
        assert {line["client"].rsplit(":", 1)[0] for line in one.log("open")} == {CLIENT}


def test_tickets_of_one_machine_are_taken_by_the_others(fleet):
    visitors = fleet.visitors()
    visitors.wait_for(100)
    tally = visitors.stop()
    assert scenes.resumed(tally) >= 0.99


def test_a_rolling_restart_that_the_balancer_is_told_of_is_not_noticed(fleet):
    tally = scenes.restart_by_hand(fleet)
    assert_unnoticed(tally)
    assert scenes.resumed(tally) >= 0.99


@pytest.mark.parametrize("fleet", ["haproxy"], indirect=True)
def test_a_rolling_restart_by_signal_is_not_noticed(fleet):
    """Behind a balancer that looks; DNAT looks at nobody."""
    assert_unnoticed(scenes.restart_by_signal(fleet))


def test_a_machine_that_dies_takes_only_its_own_sessions_with_it(fleet):
    _, after, alive = scenes.death(fleet)
    assert_unnoticed(after)
    assert alive == 6


def test_a_certificate_that_is_rolled_out_is_not_noticed(fleet, pki):
    assert scenes.serials(fleet) == {pki.mail.serial()}
    tally, alive = scenes.rolled(fleet, lambda one: one.renew(pki.renewed))
    assert_unnoticed(tally)
    assert alive == 6
    assert scenes.serials(fleet) == {pki.renewed.serial()}
    for one in fleet.frontends:
        one.renew(pki.mail)


def test_a_new_ticket_key_costs_nobody_a_handshake(fleet):
    def fingerprints(use):
        return {label["fingerprint"] for one in fleet.frontends for label in
                one.metrics().labels("tlsfront_ticket_key_modified_timestamp_seconds")
                if label["use"] == use}

    [before] = fingerprints("seals")
    tally = scenes.tickets_rolled(fleet)
    assert_unnoticed(tally)
    assert scenes.resumed(tally) >= 0.99
    [after] = fingerprints("seals")
    assert after != before and fingerprints("opens") == {before}


def test_a_rolling_upgrade_is_not_noticed(fleet):
    """TLSFRONT_BEFORE: a binary of another release to come from; else the same, under another name."""
    before = {one.status()["version"] for one in fleet.frontends}
    tally, alive = scenes.rolled(fleet, lambda one: one.upgrade(one.next_version()))
    assert_unnoticed(tally)
    assert alive == 6
    assert scenes.resumed(tally) >= 0.99
    after = {one.status()["version"] for one in fleet.frontends}
    assert len(after) == 1 and not after & before


def test_metrics_tell_which_machine_differs_and_in_what(fleet, pki):
    def alike():
        """By each of the hashes: which machines are like the first."""
        seen = [one.metrics().labels("tlsfront_config_info")[0] for one in fleet.frontends]
        return {kind: [one[kind] == seen[0][kind] for one in seen] for kind in ("config_hash", "files_hash")}

    all_alike = {"config_hash": [True] * 3, "files_hash": [True] * 3}
    assert alike() == all_alike
    odd, other = fleet.frontends[1:]
    odd.arrange(idle_timeout="5m")
    assert odd.reload().returncode == 0
    assert alike() == {"config_hash": [True, False, True], "files_hash": [True] * 3}
    odd.arrange()
    assert odd.reload().returncode == 0
    other.renew(pki.renewed)
    assert alike() == {"config_hash": [True] * 3, "files_hash": [True, True, False]}
    other.renew(pki.mail)
    assert alike() == all_alike


def test_metrics_tell_which_machine_is_out(fleet):
    out = fleet.frontends[2]
    out.drained(True)
    fleet.balancer.take_out(out)
    assert [one.metrics().get("tlsfront_ready") for one in fleet.frontends] == [1, 1, 0]
    out.drained(False)
    fleet.balancer.take_back(out)
    assert [one.metrics().get("tlsfront_ready") for one in fleet.frontends] == [1, 1, 1]


def test_what_the_balancer_looks_at_leaves_no_trace(fleet):
    """Over all that went before: no line but those of clients, and no session without one."""
    for one in fleet.frontends:
        lines = one.log("end")
        assert {line["client"].rsplit(":", 1)[0] for line in lines} <= {CLIENT}
    assert set(fleet.server.clients) == {CLIENT}
    wait_until(lambda: fleet.server.open_connections() == 0, "the server's sessions to end")
