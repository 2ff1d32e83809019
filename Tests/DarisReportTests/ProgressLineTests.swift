@testable import DarisCore
import Testing

@testable import DarisReport

@Suite("Progress")
struct ProgressLineTests {
    @Test("a line of progress reads like this")
    func golden() {
        let line = Self.line(elapsed: .seconds(Int64(5)))
        #expect(
            line.text
                == "[#####-----] 5.0/10.0 s  HP 106 done 0 missed | LP 210 done 1 missed 95 rejected | 31.5 jobs/s")
    }

    @Test(
        "the bar is full only at the end, and stays full after it",
        arguments: [
            (0, "[----------] 0.0/"), (999, "[----------] 1.0/"), (9_999, "[#########-] 10.0/"),
            (10_000, "[##########] 10.0/"),
            (12_345, "[##########] 12.3/"),
        ] as [(Int64, String)])
    func bar(elapsedMs: Int64, start: String) {
        #expect(Self.line(elapsed: .milliseconds(elapsedMs)).text.hasPrefix(start))
    }

    @Test("a priority without jobs is left out")
    func missingPriority() {
        var line = Self.line(elapsed: .zero)
        line.lp = JobFigures(.low)
        #expect(line.text == "[----------] 0.0/10.0 s  HP 106 done 0 missed | 31.5 jobs/s")
        line.hp = line.lp
        line.jps = 0
        #expect(line.text == "[----------] 0.0/10.0 s  0.0 jobs/s")
        line.total = .zero
        #expect(line.text == "[##########] 0.0/0.0 s  0.0 jobs/s")
    }

    @Test("a long run still shows everything: counts are shortened, then the bar is left out")
    func longRun() {
        var line = Self.line(elapsed: .seconds(Int64(3_000)))
        line.total = .seconds(Int64(3_600))
        line.hp.counts.completed = 1_234_567
        line.lp.counts.completed = 54_321
        #expect(
            line.text
                == "[########--] 3000/3600 s  HP 1.2M done 0 missed | LP 54.3k done 1 missed 95 rejected | 31.5 jobs/s"
        )
        line.lp.counts.rejected = 2_345_678
        line.lp.counts.failed = 998
        line.jps = 1_134
        #expect(
            line.text == "3000/3600 s  HP 1.2M done 0 missed | LP 54.3k done 999 missed 2.3M rejected 998 failed "
                + "| 1134 jobs/s")
    }

    @Test("the line is one line of at most 100 columns, for all figures")
    func huge() {
        var counts = JobCounts()
        counts.released = .max
        counts.completed = .max
        counts.rejected = .max
        counts.failed = .max
        let jobs = Self.figures(.low, counts)
        let line = ProgressLine(elapsed: .distantFuture, total: .distantFuture, hp: jobs, lp: jobs, jps: 1e308)
        #expect(line.text.displayWidth <= 100)
        #expect(line.text.contains("HP 9.2E done 9.2E missed"))
    }

    @Test(
        "what was counted becomes a line: late and failed jobs are misses, cancelled ones are not, skipped ones if HP")
    func metrics() throws {
        let tasks = [Fixtures.cameras[0], Fixtures.cameras[2]]
        var ledger = RunLedger(try Fixtures.configuration(tasks, homes: [0, 0]))
        let ends: [(JobFate, FateReason)] = [
            (.completed, .onTime), (.completed, .late), (.failed, .stageFailed), (.skipped, .previousJobInFlight),
            (.dropped, .cancelled), (.dropped, .deadlinePassed),
        ]
        for (task, priority) in Priority.allCases.enumerated() {
            for (sequence, (fate, reason)) in ends.enumerated() {
                let outcome = JobOutcome(
                    job: JobID(task: task, sequence: sequence), fate: fate, reason: reason, priority: priority,
                    release: .zero, deadline: .milliseconds(50), finish: .milliseconds(60))
                ledger.observe(.jobReleased(task: task), at: .zero, [.finished(outcome)])
            }
        }
        func line(_ elapsed: Int64, of total: Int64) -> ProgressLine {
            ProgressLine(
                elapsed: .seconds(elapsed), total: .seconds(total), hp: ledger.figures(.high), lp: ledger.figures(.low))
        }
        // The HP task makes 1 inference a job and the LP task 2: 6 in 2 s.
        #expect(
            line(2, of: 4).text
                == "[#####-----] 2.0/4.0 s  HP 2 done 4 missed 1 failed | LP 2 done 3 missed 1 failed | 3.0 jobs/s")
        #expect(line(0, of: 0).jps == 0)
    }

    private static func line(elapsed: Nanoseconds) -> ProgressLine {
        var high = JobCounts()
        high.released = 107
        high.completed = 106
        var low = JobCounts()
        low.released = 305
        low.completed = 210
        low.rejected = 95
        return ProgressLine(
            elapsed: elapsed, total: .seconds(Int64(10)), hp: figures(.high, high), lp: figures(.low, low, late: 1),
            jps: 31.5)
    }

    private static func figures(_ priority: Priority, _ counts: JobCounts, late: Int = 0) -> JobFigures {
        var figures = JobFigures(priority)
        figures.counts = counts
        figures.late = late
        return figures
    }
}
