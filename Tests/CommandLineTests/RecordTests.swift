import Foundation
import Testing

@Suite("Reports and traces of records")
struct RecordTests {
    private static let taskSet = """
        device: rtx2080ti
        partition: {contexts: 2, streams: 1, oversubscription: 2}
        models: {net: {builtin: resnet18, stages: 4}}
        tasks:
          - {name: front, model: net, rate: 60 Hz, priority: high, count: 3}
          - {name: side, model: net, rate: 60 Hz, priority: low, count: 8}
        run: {duration: 300 ms, seed: 1}
        """

    private func workplace(_ options: String...) throws -> (workplace: Workplace, report: [String: Any]) {
        let workplace = try Workplace()
        try workplace.write(Self.taskSet, to: "set.yaml")
        let run = try workplace.daris(["simulate", "set.yaml", "--json", "--record", "run.jsonl"] + options)
        return (workplace, try run.json())
    }

    /// The figures that a page and `--json` must agree on: all that a record holds.
    private func figures(_ report: [String: Any]) -> NSDictionary {
        let keys = ["jps", "hp", "lp", "jobs", "migrations", "stages", "contexts", "duration_s", "elapsed_s"]
        return report.filter { keys.contains($0.key) } as NSDictionary
    }

    private func figures(ofPage html: String) throws -> NSDictionary {
        let start = try #require(html.range(of: "id=\"figures\">"))
        let end = try #require(html[start.upperBound...].range(of: "</script>"))
        let data = Data(html[start.upperBound..<end.lowerBound].utf8)
        return figures(try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any]))
    }

    @Test(
        "a page has the figures of --json of the very run", arguments: [["--policy", "daris"], ["--policy", "fifo"]])
    func simulated(options: [String]) throws {
        let workplace = try Workplace()
        try workplace.write(Self.taskSet, to: "set.yaml")
        let report = try workplace.daris(["simulate", "set.yaml", "--json", "--record", "run.jsonl"] + options).json()
        let result = try workplace.daris("report", "run.jsonl")
        #expect(result.exitCode == 0 && result.errors.isEmpty)
        #expect(result.output.hasPrefix("written to run.html ("))
        let html = String(decoding: try workplace.read("run.html"), as: UTF8.self)
        #expect(try figures(ofPage: html) == figures(report))
        #expect(figures(report).count == 9)
    }

    @Test("a run that was killed has a page and a trace of its record")
    func killed() throws {
        let workplace = try Workplace()
        try workplace.write(TestModels.small, to: "net.onnx")
        try workplace.write(
            "models: {net: {file: net.onnx, stages: 1}}\ntasks: [{name: a, model: net, rate: 200 Hz, priority: high}]\n"
                + "run: {duration: 600 s}\n", to: "t.yaml")
        let command = try workplace.start(["run", "t.yaml", "--record", "run.jsonl"])
        let part = "run.jsonl.part-\(command.processIdentifier)"
        // Until there are entries behind the header.
        while ((try? workplace.read(part)) ?? Data()).count(where: { $0 == UInt8(ascii: "\n") }) < 50 {
            try #require(command.isRunning)
        }
        command.send(SIGKILL)
        #expect(try command.wait(limit: 60).signal == SIGKILL)
        let missing = try workplace.daris("report", "run.jsonl")
        #expect(missing.exitCode == 1 && missing.errors.contains("a writer that was killed left run.jsonl.part-"))
        for (name, start) in [("report", "<!doctype html>"), ("trace", "{\"displayTimeUnit\"")] {
            let result = try workplace.daris(name, part, "-o", "-")
            #expect(result.exitCode == 0 && result.output.hasPrefix(start), "\(result.errors)")
            #expect(result.errors.hasPrefix("note: the record is cut off after "), "\(result.errors)")
        }
    }

    @Test("the page of a real run has the figures of the run's own report")
    func real() throws {
        let workplace = try Workplace()
        try workplace.write(TestModels.small, to: "net.onnx")
        try workplace.write(
            "models: {net: {file: net.onnx, stages: 1}}\ntasks:\n- {name: a, model: net, rate: 20 Hz, priority: high}\n"
                + "- {name: b, model: net, rate: 50 Hz, priority: low, count: 2}\nrun: {duration: 300 ms}\n",
            to: "t.yaml")
        let run = try workplace.daris("run", "t.yaml", "--json", "--record", "run.jsonl")
        let page = try workplace.daris("report", "run.jsonl", "-o", "-")
        #expect(page.exitCode == 0 && page.output.hasPrefix("<!doctype html>"))
        #expect(try figures(ofPage: page.output) == figures(try run.json()))
    }

    @Test("a trace is JSON with a slice for every stage")
    func trace() throws {
        let (workplace, report) = try workplace()
        let result = try workplace.daris("trace", "run.jsonl")
        #expect(result.exitCode == 0 && result.output.hasPrefix("written to run.trace.json ("))
        let trace = try JSONSerialization.jsonObject(with: workplace.read("run.trace.json")) as? [String: Any]
        let events = try #require(trace?["traceEvents"] as? [[String: Any]])
        #expect(events.count { $0["ph"] as? String == "X" } == report["stages"] as? Int)
        let standard = try workplace.daris("trace", "run.jsonl", "-o", "-")
        #expect(standard.output.utf8.elementsEqual(try workplace.read("run.trace.json")))
    }

    @Test(
        "what is wrong is said in one line, and an earlier file stays as it was",
        arguments: [
            (["report", "none.jsonl"], 1, "none.jsonl: it cannot be read; is it there, and a file?"),
            (["trace", "bad.jsonl", "-o", "old"], 1, "bad.jsonl, line 3: "),
            (["report", "bad.jsonl", "-o", "old"], 1, "bad.jsonl, line 3: "),
            (["report", "set.yaml", "-o", "old"], 1, "set.yaml, line 1: a record starts with "),
            (["report", "run.jsonl", "-o", "run.jsonl"], 2, "--output: run.jsonl is the record itself"),
            (["trace", "run.jsonl", "-o", "no/where"], 1, "cannot write no/where: No such file or directory;"),
            (["report", "run.jsonl", "--from", "soon"], 2, "--from: 'soon' is not a time; write for example '100 ms'"),
            (
                ["report", "run.jsonl", "--from", "2s", "--to", "1s"], 2,
                "--to: the timeline must end after its beginning"
            ),
        ] as [([String], Int32, String)])
    func refused(arguments: [String], exitCode: Int32, message: String) throws {
        let (workplace, _) = try workplace()
        var lines = String(decoding: try workplace.read("run.jsonl"), as: UTF8.self).split(separator: "\n")
        lines[2] = "{\"t\":0,\"c\":\"what\"}"
        try workplace.write(lines.joined(separator: "\n") + "\n", to: "bad.jsonl")
        try workplace.write("kept", to: "old")
        let result = try workplace.daris(arguments)
        #expect(result.exitCode == exitCode && result.output.isEmpty && !result.hasTrace)
        #expect(result.errors.hasPrefix("error: " + message), "\(result.errors)")
        #expect(result.errors.split(separator: "\n").count == 1)
        #expect(try workplace.read("old") == Data("kept".utf8))
        let files = try FileManager.default.contentsOfDirectory(atPath: workplace.folder)
        #expect(!files.contains { $0.contains(".part-") })
    }
}
