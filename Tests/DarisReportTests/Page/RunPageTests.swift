import DarisCore
import Foundation
import Testing

@testable import DarisReport

@Suite("Run pages")
struct RunPageTests {
    private func page(
        _ run: RecordedRun, limit: Int = 1000, from: Nanoseconds = .zero, to: Nanoseconds = .distantFuture
    )
        throws -> RunPage
    {
        try RunPage(try run.reader(), version: "1.2.3", from: from, to: to, limit: limit)
    }

    /// The content of a script element.
    private func script(_ id: String, of html: String) throws -> String {
        let start = try #require(html.range(of: "id=\"\(id)\">"))
        let end = try #require(html[start.upperBound...].range(of: "</script>"))
        return String(html[start.upperBound..<end.lowerBound])
    }

    /// The numbers that the page's script reads.
    private func numbers(of html: String) throws -> [Int64] {
        let data = try #require(Data(base64Encoded: try script("columns", of: html)))
        var (numbers, value, shift): ([Int64], UInt64, UInt64) = ([], 0, 0)
        for byte in data {
            value |= UInt64(byte & 0x7F) << shift
            shift += 7
            guard byte < 0x80 else { continue }
            numbers.append(Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1))
            (value, shift) = (0, 0)
        }
        return numbers
    }

    @Test("a page is one whole document, loads nothing, and shows the figures of the run's own report")
    func structure() throws {
        let page = try page(.eventful)
        let html = page.html
        #expect(html.hasPrefix("<!doctype html>") && html.hasSuffix("</html>\n"))
        for outside in ["http:", "https:", "src=", "<link", "@import", "url("] { #expect(!html.contains(outside)) }
        for heading in ["What ran when", "Why jobs missed", "How long jobs took", "How MRET follows"] {
            #expect(html.contains("<h2>\(heading)"))
        }
        for figure in [Figure.rate(page.summary.jps), Figure.percent(page.summary.hp.dmr)] {
            #expect(html.contains("<b>\(figure)</b>"))
        }
        let figures = try #require(
            JSONSerialization.jsonObject(with: Data(try script("figures", of: html).utf8)) as? [String: Any])
        #expect(figures["jps"] as? Double == page.summary.jps)
        #expect((figures["hp"] as? [String: Any])?["missed"] as? Int == page.summary.hp.missed)
    }

    @Test("energy is shown where a record has it, and where the figure comes from")
    func energy() throws {
        var run = RecordedRun.eventful
        #expect(!(try page(run).html.contains("Energy")))
        run.energy = RecordedEnergy(joules: 812.44, seconds: 10)
        let simulated = try page(run)
        #expect(simulated.summary.energy?.totalJ == 812.44 && simulated.summary.energy?.meanW == 81.244)
        let inferences = simulated.summary.jobs.completed
        let each = Figure.significant(812.44 / Double(inferences))
        #expect(
            simulated.html.contains(
                "<dt>Energy</dt><dd><b>\(each)</b> J/inference<span>812.4 J, 81.2 W on average, predicted</span></dd>"))
        #expect(
            simulated.html.contains(
                "<dt>Energy</dt><dd>812.4 J, \(each) J an inference, 81.2 W on average: a prediction by the power model of the "
                    + "device, not a measurement</dd>"))
        run.isSimulated = false
        let measured = try page(run).html
        #expect(measured.contains("812.4 J, 81.2 W on average, measured</span>"))
        #expect(
            measured.contains(
                "81.2 W on average: of the whole device, whoever used it, measured by its own counter (NVML)</dd>"))
        // Nothing completed: no energy for each.
        run.events = []
        #expect(
            try page(run).html.contains(
                "<dt>Energy</dt><dd><b>812.4</b> J<span>81.2 W on average, measured</span></dd>"))
    }

    @Test("a miss, and a rejected job, name the trace that their clients follow")
    func clients() throws {
        var run = RecordedRun.eventful
        let ids = ["0af7651916cd43dd8448eb211c80319c", "4bf92f3577b34da6a3ce929d0e0e4736"]
        for (job, id) in zip([JobID(task: 0, sequence: 2), JobID(task: 3, sequence: 0)], ids) {
            run.traces[job] = TraceContext(traceParent: "00-\(id)-b7ad6b7169203331-01")
        }
        let notes = try page(run).outcomes.groups.values.flatMap(\.notes)
        #expect(notes.count { $0.words.contains(" Trace ") } == 2)
        #expect(notes.first { $0.job == JobID(task: 0, sequence: 2) }?.words.hasSuffix(" Trace \(ids[0]).") == true)
        #expect(notes.first { $0.job == JobID(task: 3, sequence: 0) }?.words.hasSuffix(" Trace \(ids[1]).") == true)
    }

    @Test("every job and every stage run of a small record is in the page, exactly")
    func everyJob() throws {
        let run = RecordedRun.eventful
        let record = try run.record()
        let numbers = try numbers(of: try page(run).html)
        let releases = record.entries.compactMap { entry -> (Nanoseconds, Int)? in
            guard case .event(.jobReleased(let task, _)) = entry.content else { return nil }
            return (entry.time, task)
        }
        #expect(numbers[0] == releases.count)
        var time = Nanoseconds.zero
        for (index, release) in releases.enumerated() {
            let row = numbers[(1 + 8 * index)..<(9 + 8 * index)].map { $0 }
            time += Nanoseconds(row[0])
            #expect(time == release.0 && row[1] == release.1)
        }
        // By lane: a count, then eight numbers a run and one for each other job of a batch.
        var (at, runs) = (1 + 8 * releases.count, 0)
        for _ in 0..<2 {
            let count = Int(numbers[at])
            runs += count
            at += 1
            for _ in 0..<count { at += 8 + Int(numbers[at + 7]) }
        }
        #expect(at == numbers.count)
        let dispatches = record.entries.count { if case .command(.dispatch) = $0.content { true } else { false } }
        #expect(runs == dispatches)
    }

    @Test(
        "every fate is explained, in words with numbers",
        arguments: [
            "<a href=\"#timeline\" data-job=\"0 2\">front #2</a> <time>at 0.105 s</time> 15.00 ms late: it ended 45.00 ms "
                + "after its release, and its deadline is 30.00 ms.",
            "Stage 2 of 2 overran most: 40.00 ms, 35.00 ms above its MRET of 5.00 ms.",
            "#0 was still running stage 1 of 2 on context 0, lane 0 since 3.00 ms, 3.00 ms after its release and 27.00 ms "
                + "before its deadline.",
            "It needs 0.950 lanes (95.00 ms every 100.0 ms). Context 1, its own: 0.950 + 0.000 of LP jobs in flight = 0.950, "
                + "not below 1 − 0.080 for HP tasks = 0.920. Context 0: 0.950 + ",
            "No context could take it even with no other LP job in flight.",
            "its task says late: drop and its deadline of 15.00 ms had passed",
            "Stage 1 of 2 failed on context 0, lane 0, 5.00 ms after its start",
            "Context 1 was lost while stage 1 of 2 had run there for 1.00 ms.",
            "Its task had been removed; that is no miss.",
            "1 release waited already behind #0, which was still ",
            "with 1 of 2 stages done; its deadline was still to come",
        ])
    func explanations(words: String) throws {
        #expect(try page(.eventful).html.contains(words))
    }

    /// What is said of the jobs of a task that were rejected, where an LP job was late before, so that the safety factor
    /// is 1.25.
    private func rejections(_ run: RecordedRun, of task: Int) throws -> [String] {
        var run = run
        run.options.batching = 2
        run.options.batchingRules = [.safetyFactor]
        run.groups = [BatchGroup(sizes: [.init(jobs: 2, afet: [.milliseconds(60)])])]
        return try page(run).outcomes.groups.filter { $0.key.fate == .rejected }.flatMap(\.value.notes)
            .filter { $0.job.task == task }.map(\.words)
    }

    @Test("the test that rejected a job is shown with its safety factor")
    func safetyFactor() throws {
        var run = RecordedRun(
            tasks: [
                RecordedRun.task("a", .low, deadlineMs: 20, stagesMs: [30], group: 0),
                RecordedRun.task("b", .low, deadlineMs: 20, stagesMs: [30], group: 0),
            ],
            events: [(0, .jobReleased(task: 0)), (50, .jobReleased(task: 0)), (51, .jobReleased(task: 1))])
        run.times = { _, _ in 40 }
        let words = try rejections(run, of: 1)
        #expect(
            words == [
                "It needs 0.300 lanes (30.00 ms every 100.0 ms). Context 0, its own: (0.300 + 0.500 of LP jobs in flight) "
                    + "× 1.250 (safety factor) = 1.000, not below 1 − 0.000 for HP tasks = 1.000."
            ])
    }

    @Test("the reported safety factor is that of the test, though it shrinks with the rejection")
    func shrunkSafetyFactor() throws {
        var run = RecordedRun(
            tasks: [
                RecordedRun.task("a", .low, deadlineMs: 20, stagesMs: [70], group: 0),
                RecordedRun.task("b", .low, deadlineMs: 20, stagesMs: [70], group: 0),
                RecordedRun.task("h", .high, stagesMs: [20]),
            ],
            events: [(0, .jobReleased(task: 0)), (100, .jobReleased(task: 0))])
        run.times = { _, _ in 56 }
        let words = try rejections(run, of: 0)
        #expect(
            words == [
                "It needs 0.700 lanes (70.00 ms every 100.0 ms). Context 0, its own: (0.700 + 0.000 of LP jobs in flight) "
                    + "× 1.250 (safety factor) = 0.875, not below 1 − 0.200 for HP tasks = 0.800. No context could take it "
                    + "even with no other LP job in flight."
            ])
    }

    @Test("a server's run lasted until it was ended, and was not interrupted")
    func server() throws {
        var record = try RecordedRun.eventful.record()
        record.plan.simulated = false
        func page() throws -> RunPage {
            try RunPage(
                try RunRecordReader(Data(record.encoded()), file: "run.jsonl"), version: "1.2.3", from: .zero,
                to: .distantFuture)
        }
        record.plan.durationS = 10
        #expect(try page().html.contains("<h1>Interrupted run of 6 tasks"))
        record.plan.durationS = nil
        for end in [1.5, 30] {
            record.end = .seconds(end)
            let html = try page().html
            #expect(html.contains("<h1>Run of 6 tasks") && html.contains("for \(Figure.seconds(end)), last job ended"))
        }
    }

    @Test("groups are counted in full where only some jobs are explained, and misses add up to the report's")
    func counts() throws {
        var run = RecordedRun(tasks: [RecordedRun.task("slow", .high, stagesMs: [40])], events: [])
        run.events = (0..<90).map { (Double($0), .jobReleased(task: 0)) }
        let page = try page(run)
        let skipped = try #require(page.outcomes.groups.first { $0.key.fate == .skipped }?.value)
        #expect(skipped.count == page.summary.hp.skipped && skipped.notes.count == OutcomeGroups.taskLimit)
        #expect(page.html.contains("<p class=\"rest\">\(skipped.count - skipped.notes.count) more; at most 20 a task"))
        let eventful = try self.page(.eventful)
        let misses = eventful.outcomes.groups.filter { $0.key.isMiss }.reduce(0) { $0 + $1.value.count }
        #expect(misses == eventful.summary.hp.missed + eventful.summary.lp.missed)
    }

    @Test("names cannot end a script or become markup")
    func escaping() throws {
        let html = try page(.eventful).html
        #expect(html.components(separatedBy: "</script>").count == html.components(separatedBy: "<script").count)
        #expect(html.contains("&lt;/script&gt;&quot;τ") && html.contains("\\u003c/script>\\\"τ\\\\"))
        #expect(html.contains("a &lt;note&gt;"))
        #expect(RunPage.escaped("a\u{202E}b\u{1B}") == "a\u{FFFD}b\u{FFFD}")
    }

    @Test("a long run is cut at the limit, a part is shown on request, and the page says both")
    func thinning() throws {
        let cut = try page(.eventful, limit: 6)
        #expect(cut.timeline.isCut && cut.timeline.jobs.count <= 7)
        #expect(
            cut.html.contains(
                "a page holds at most 6 stages and 6 jobs; <code>--from</code> and <code>--to</code> choose another part"
            ))
        #expect(cut.summary == (try page(.eventful)).summary)
        let part = try page(.eventful, from: .milliseconds(50), to: .milliseconds(90))
        #expect(part.html.contains("show 0.050 to 0.090 s"))
        #expect(part.timeline.runs.allSatisfy { $0.run.end >= .milliseconds(50) && $0.run.start < .milliseconds(90) })
        #expect(!(try numbers(of: part.html)).isEmpty)
    }

    @Test("a batch is one run of several jobs, and is judged by the time of such batches")
    func batch() throws {
        let afet = [Nanoseconds.milliseconds(4)]
        var run = RecordedRun(
            tasks: (0..<4).map { RecordedRun.task("b\($0)", .low, stagesMs: [3], group: 0) },
            events: (0..<4).map { (0, .jobReleased(task: $0)) })
        run.options.batching = 4
        run.groups = [BatchGroup(sizes: [.init(jobs: 2, afet: afet)])]
        run.times = { _, _ in 5 }
        let page = try page(run)
        let batch = try #require(page.timeline.runs.first { $0.jobs.count == 2 })
        #expect(batch.run.expected == afet[0] && batch.run.measured == .milliseconds(5))
        #expect(page.statistics.stages.reduce(0) { $0 + $1[0].batched } == 2)
    }

    @Test("an empty record makes an empty page")
    func empty() throws {
        let html = try page(RecordedRun(tasks: [RecordedRun.task("a", .low, stagesMs: [1])], events: [])).html
        #expect(html.contains("No job completed.") && html.contains("Every job that was released was admitted"))
    }

    @Test("the page of a record that is cut off, also between an event and its commands, has its content and says so")
    func cutOff() throws {
        let bytes = try RecordedRun.eventful.record().encoded()
        let header = try #require(bytes.firstIndex(of: UInt8(ascii: "\n"))) + 1
        for length in stride(from: header, to: bytes.count, by: 101) {
            let reader = try RunRecordReader(Data(bytes[..<length]), file: "run.jsonl", allowsCutOff: true)
            let page = try RunPage(reader, version: "1")
            #expect(page.cutOff?.hasPrefix("the record is cut off after ") == true)
            #expect(page.html.contains("Cut-off record of a run") && page.html.contains("the record is cut off after "))
        }
        #expect(try page(.eventful).cutOff == nil)
    }

    @Test("a record that is invalid, or that the scheduler decides differently, is refused with file and line")
    func refused() throws {
        let text = String(decoding: try RecordedRun.eventful.record().encoded(), as: UTF8.self)
        func problem(_ change: (inout [String]) -> Void) throws -> String {
            var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            change(&lines)
            do {
                let data = Data(lines.joined(separator: "\n").utf8)
                _ = try RunPage(try RunRecordReader(data, file: "run.jsonl"), version: "")
                return ""
            } catch { return "\(error)" }
        }
        #expect(try problem { $0[2] = "nonsense" }.hasPrefix("run.jsonl, line 3: "))
        #expect(try problem { $0.removeLast(3) }.contains("the record is cut off"))
        let other = try problem { $0[2] = $0[2].replacing("\"context\":0", with: "\"context\":1") }
        #expect(other.hasPrefix("run.jsonl, line 3: this version of Daris would not have decided so"))
        #expect(try problem { $0[0] = "{}" }.hasPrefix("run.jsonl, line 1: "))
        let fewer = try problem {
            $0[0] = $0[0].replacing(/"tasks":\[\{"batch":1,"context":.*?\},/, with: "\"tasks\":[")
        }
        #expect(fewer.contains("the plan has 5 tasks, the configuration 6"))
    }

    @Test("damaged bytes give an error or another page and trace, never a crash", arguments: 0..<4)
    func damaged(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let whole = try RecordedRun.eventful.record().encoded()
        for _ in 0..<40 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                bytes[place] =
                    Bool.random(using: &random) ? UInt8.random(in: 48...57, using: &random) : bytes[place] ^ 1
            }
            let data = Data(bytes)
            if let reader = try? RunRecordReader(data, file: "x") {
                if let page = try? RunPage(reader, version: "", limit: 10) { #expect(!page.html.isEmpty) }
                _ = try? TraceEvents.write(reader, version: "") { _ in }
            }
        }
    }

    @Test("execution times with a sum beyond the limit do not crash the page")
    func endless() throws {
        let configuration = try RecordedRun(
            tasks: [RecordedRun.task("a", .high, stagesMs: [1])], events: []
        ).record().configuration
        let run = StageRun(
            lane: 0, stage: 0, jobs: [JobID(task: 0, sequence: 0)], expected: .zero, start: .zero, end: .zero,
            measured: .distantFuture, outcome: .completed)
        // Each counts as a day, and a time can hold some 106,000 of them.
        let step = RunStep(
            event: .timerFired, time: .zero, commands: CommandBuffer(),
            ended: [StageRun](repeating: run, count: 110_000), started: [], release: nil)
        var statistics = StageStatistics(configuration)
        statistics.follow(step, Scheduler(configuration))
        #expect(statistics.stages[0][0].alone == 110_000 && statistics.stages[0][0].sum == .distantFuture)
    }
}
