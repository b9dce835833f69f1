"""What the bench makes of its figures, and the tables that drive it."""

import unittest
import xml.etree.ElementTree as xml
from dataclasses import replace

import document
import flood
import measure
import overload
import smoke
import syscalls
from cases import CASES, Case
from peers import PEERS, Route, Setting
from plot import svg
from processes import BenchError
from report import Row, as_markdown, as_text, cells, spread

CASE = Case("c", "a case", "cpu", "handshake", 10, target=0.5)


def row(case=CASE, **figures):
    return Row(case, figures, PEERS)


class Figures(unittest.TestCase):
    def test_median_does_not_follow_an_outlier(self):
        self.assertEqual(row(nginx=[10, 11, 900]).medians["nginx"], 11)

    def test_spread_is_half_the_range(self):
        self.assertAlmostEqual(spread([90, 100, 110]), 0.1)
        self.assertEqual(spread([7]), 0)
        self.assertEqual(spread([0, 0]), 0)

    def test_best_is_the_lowest_rival_and_never_a_floor_or_ourselves(self):
        found = row(haproxy=[30], nginx=[20], tlsfront=[5], **{"tcp-copy": [1]})
        self.assertEqual(found.best, "nginx")
        self.assertEqual(found.ratio, 0.25)

    def test_ratio_compares_within_each_round(self):
        self.assertEqual(row(nginx=[10, 20, 40], tlsfront=[5, 10, 30]).ratio, 0.5)

    def test_without_rival_or_ourselves_there_is_no_ratio_and_no_verdict(self):
        for found in (row(tlsfront=[5]), row(nginx=[5])):
            self.assertIsNone(found.ratio)
            self.assertIsNone(found.met)

    def test_target_is_met_at_the_limit_and_missed_above(self):
        self.assertTrue(row(nginx=[20], tlsfront=[10]).met)
        self.assertFalse(row(nginx=[20], tlsfront=[10.1]).met)

    def test_absolute_targets_need_no_rival(self):
        small = replace(CASE, target=None, at_most=4)
        self.assertEqual([row(small, tlsfront=[n]).met for n in (4, 4.1)], [True, False])
        big = replace(CASE, target=None, at_least=1.8)
        self.assertEqual([row(big, tlsfront=[n]).met for n in (1.8, 1.7)], [True, False])


class Output(unittest.TestCase):
    def setUp(self):
        self.rows = [row(nginx=[20, 22], tlsfront=[10, 11]), row(tlsfront=[3])]

    def test_tables_have_a_line_per_case_and_a_cell_per_peer(self):
        table = cells(self.rows, PEERS)
        self.assertEqual({len(line) for line in table}, {len(PEERS) + 5})
        self.assertEqual(len(as_text(table).splitlines()), 3)
        self.assertEqual(len(as_markdown(table).splitlines()), 4)
        self.assertIn("0.50", as_text(table))
        self.assertIn("met", as_text(table))

    def test_plot_is_xml_with_a_bar_per_compared_figure(self):
        image = xml.fromstring(svg(self.rows, PEERS))
        bars = [each for each in image.iter() if each.get("class") in ("rival", "ours")]
        self.assertEqual(len(bars), 2)

    def test_no_bar_or_line_of_the_plot_runs_through_a_figure(self):
        parts = list(xml.fromstring(svg(self.rows, PEERS)).iter())
        figures = [float(each.get("x")) for each in parts if each.get("class") == "figure"]
        ends = [float(each.get("x2")) for each in parts if each.get("x2")]
        ends += [float(each.get("x", 0)) + float(each.get("width")) for each in parts
                 if each.get("class") in ("rival", "ours")]
        self.assertEqual(len(figures), 2)
        self.assertLess(max(ends), min(figures))

    def test_document_keeps_what_stands_around_the_figures(self):
        page = f"head\n{document.BEGIN}old\n{document.END}tail\n"
        expected = f"head\n{document.BEGIN}new\n{document.END}tail\n"
        self.assertEqual(document.replaced(page, "new\n"), expected)

    def test_document_without_marks_is_refused(self):
        for page in ("", document.BEGIN, document.END, document.END + document.BEGIN):
            with self.assertRaises(BenchError):
                document.replaced(page, "new\n")

    def test_pages_of_the_project_have_the_marks(self):
        for page in ("benchmarks.md", "overload.md"):
            document.replaced((document.DOCS / page).read_text("utf-8"), "")


class Tables(unittest.TestCase):
    def test_names_are_unique_and_every_case_can_be_measured(self):
        for table in (CASES, PEERS):
            self.assertEqual(len({each.name for each in table}), len(table))
        for case in CASES:
            self.assertTrue(callable(getattr(measure, case.measure)), case.name)
            self.assertIn(case.work, smoke.AMOUNT)
        self.assertLessEqual(set(syscalls.COUNTED), {case.name for case in CASES})

    def test_configurations_hold_every_route(self):
        routes = [Route(f"r{n}", 7000 + n, "/c", "/k", "/p", "127.0.0.1:1") for n in range(2)]
        for peer in PEERS:
            text = peer.configuration(Setting("/d", routes, 1, 1024))
            for route in routes:
                self.assertIn(str(route.port), text, peer.name)


FOUND = {"cpu": 3.0, "seconds": 2.0, "coming": 0.4, "came": 200, "grown": 200 * 1024, "held": 100,
         "begun": 1000,
         "roundtrips": {"served": 9, "failed": 1, "p50_us": 200, "p99_us": 3000},
         "handshakes": {"served": 0, "failed": 2, "p50_us": None, "p99_us": None}}
ALONE = FOUND | {"cpu": 1.0}


class Floods(unittest.TestCase):
    def row(self, **more):
        one = replace(overload.FLOODS[0], kind="hello", crowd=200, **more)
        return overload.Row(one, {"tlsfront": [overload.figures(one, FOUND, ALONE)], "stunnel": []})

    def test_what_honest_clients_cost_is_not_the_flood_s(self):
        self.assertAlmostEqual(self.row().by_peer["tlsfront"][0]["cpu_us"], 2000)

    def test_a_held_crowd_is_told_per_connection(self):
        found, = self.row(held=True).by_peer["tlsfront"]
        self.assertAlmostEqual(found["cpu_us"], 2000)
        self.assertEqual(found["memory_kib"], 2)

    def test_who_was_not_served_stands_in_the_table_and_misses_the_goal(self):
        row = self.row()
        page = overload.text([row], ["stunnel", "tlsfront"])
        self.assertIn("0.20 / 3.00 (1 of 10 not served)", page)
        self.assertIn("- / - (2 of 2 not served)", page)
        self.assertIn("n/a", page)
        self.assertIn("served under every flood: missed", page)

    def test_memory_above_its_goal_misses_it(self):
        for most, verdict in ((2, "met"), (1, "missed")):
            self.assertIn(verdict, overload.goals([self.row(held=True, memory_at_most=most)])[0])

    def test_floods_are_made_of_what_there_is(self):
        for each in overload.FLOODS:
            self.assertIn(each.kind or "hello", flood.KINDS)
            self.assertEqual(each.held, bool(each.kind and flood.KINDS[each.kind].crowd_is_held))
        self.assertFalse(overload.FLOODS[0].kind, "without a flood first")

    def test_hellos_have_the_lengths_that_they_say(self):
        hello = flood.client_hello()
        for made in (hello, flood.with_tickets(hello), flood.biggest(hello)):
            self.assertEqual(int.from_bytes(made[3:5], "big"), len(made) - 5)
            self.assertEqual(int.from_bytes(made[6:9], "big"), len(made) - 9)
        self.assertEqual(len(made) - 5, flood.BIGGEST_HELLO)


class SystemCalls(unittest.TestCase):
    def test_strace_table_with_and_without_errors(self):
        text = """% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.000060           1        40         2 read
 40.00    0.000040           1        20           write
------ ----------- ----------- --------- --------- ----------------
100.00    0.000100           1        60         2 total
"""
        self.assertEqual(syscalls.parse(text), {"read": 40, "write": 20})

    def test_no_calls_at_all(self):
        self.assertEqual(syscalls.parse(""), {})


if __name__ == "__main__":
    unittest.main()
