import DarisCore
import Testing

@testable import DarisReport

@Suite("Verdicts")
struct VerdictTests {
    @Test("a run that kept every deadline says so, with how many there were")
    func good() throws {
        #expect(
            try verdict { $0.hp = Fixtures.group($0.hp, released: 212) }
                == "No high-priority job missed its deadline (of 212); low-priority: 1.0 % of accepted jobs missed theirs, "
                + "69.0 % were accepted.")
        #expect(
            try verdict { $0.lp = Fixtures.group($0.lp, released: 100, rejected: 39) }
                .hasSuffix("; low-priority: no accepted job missed its deadline, 61.0 % were accepted."))
    }

    @Test(
        "HP misses come first, in number and in percent",
        arguments: [
            (3, 212, "3 of 212 high-priority jobs (1.4 %) missed their deadlines; "),
            (1, 212, "1 of 212 high-priority jobs (0.5 %) missed its deadline; "),
            (1, 1_000_000, "1 of 1000000 high-priority jobs (<0.001 %) missed its deadline; "),
            (2, 2, "2 of 2 high-priority jobs (100.0 %) missed their deadlines; "),
        ] as [(Int, Int, String)])
    func misses(missed: Int, released: Int, start: String) throws {
        #expect(try verdict { $0.hp = Fixtures.group($0.hp, released: released, missed: missed) }.hasPrefix(start))
    }

    @Test("releases of a removed HP task are no misses")
    func removed() throws {
        let text = try verdict {
            $0.hp = Fixtures.group($0.hp, released: 20, rejected: 8)
            $0.hp.removed = 8
        }
        #expect(text.hasPrefix("No high-priority job missed its deadline (of 12); "))
    }

    @Test("a skipped HP release is one of the jobs that missed")
    func skipped() throws {
        let text = try verdict {
            $0.hp = Fixtures.group($0.hp, released: 10, skipped: 2)
            $0.hp.missed = 2
            $0.hp.dmr = 0.2
        }
        #expect(text.hasPrefix("2 of 10 high-priority jobs (20.0 %) missed their deadlines; "))
    }

    @Test("without judged jobs no rate is shown")
    func nothingJudged() throws {
        let text = try verdict {
            $0.hp = Fixtures.group($0.hp, released: 5, rejected: 5)
            $0.lp = Fixtures.group($0.lp, released: 4)
            $0.lp.cancelled = 4
        }
        #expect(
            text == "None of 5 high-priority jobs was accepted; every accepted low-priority job was cancelled (4).")
    }

    @Test("requests that were refused are told, and that none of a priority became an accepted job")
    func refused() throws {
        #expect(
            try verdict {
                $0.hp = Fixtures.group($0.hp, released: 10, rejected: 4)
                $0.hp.refused = 2
            }.hasPrefix(
                "No high-priority job missed its deadline (of 6), 4 more were rejected, 2 requests were refused; "))
        #expect(
            try verdict {
                $0.lp = Fixtures.group($0.lp, released: 0)
                $0.lp.refused = 7
            }.hasSuffix("; none of 7 low-priority jobs and requests was accepted."))
        var summary = try Fixtures.cameraSummary()
        #expect(Verdict(summary: summary, simulated: false, interrupted: false).isGood)
        summary.hp.refused = 1
        #expect(!Verdict(summary: summary, simulated: false, interrupted: false).isGood)
    }

    @Test("rejected HP jobs are reported")
    func rejected() throws {
        #expect(
            try verdict { $0.hp = Fixtures.group($0.hp, released: 10, rejected: 4) }
                .hasPrefix("No high-priority job missed its deadline (of 6), 4 more were rejected; "))
    }

    @Test(
        "simulated and interrupted runs say so first",
        arguments: [
            (true, false, "Simulated: no high"), (false, true, "Interrupted: no high"),
            (true, true, "Simulated, interrupted: no high"),
        ] as [(Bool, Bool, String)])
    func prefixes(simulated: Bool, interrupted: Bool, start: String) throws {
        let verdict = Verdict(summary: try Fixtures.cameraSummary(), simulated: simulated, interrupted: interrupted)
        #expect(verdict.text.hasPrefix(start))
        #expect(verdict.text.hasSuffix("."))
    }

    private func verdict(_ change: (inout RunSummary) -> Void) throws -> String {
        var summary = try Fixtures.cameraSummary()
        change(&summary)
        return Verdict(summary: summary, simulated: false, interrupted: false).text
    }
}
