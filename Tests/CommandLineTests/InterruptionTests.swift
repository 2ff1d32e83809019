import Foundation
import Testing

@Suite("Signals and closed pipes")
struct InterruptionTests {
    private func workplace() throws -> Workplace {
        let workplace = try Workplace()
        try workplace.write(TestModels.small, to: "net.onnx")
        try workplace.write(
            """
            models: {net: {file: net.onnx, stages: 2}}
            tasks: [{name: a, model: net, rate: 20 Hz, priority: high}, {name: b, model: net, rate: 20 Hz, priority: low}]
            run: {duration: 60 s}
            """, to: "t.yaml")
        return workplace
    }

    @Test("a signal ends a run of a minute at once, with its report", arguments: [SIGINT, SIGTERM])
    func interrupted(signal: Int32) throws {
        let workplace = try workplace()
        let command = try workplace.start(["run", "t.yaml", "--json"])
        try #require(command.waitUntilItHandlesSignals())
        command.send(signal)
        let result = try command.wait(limit: 30)
        #expect(result.exitCode == 0)
        #expect(result.errorLines == ["stopping: jobs in flight run to their end (again to give up)"])
        let report = try result.json()
        #expect(report["interrupted"] as? Bool == true)
        #expect(try Jobs(report).isBalanced)
        #expect(try #require(report["elapsed_s"] as? Double) < 60)
        #expect((report["plan"] as? [String: Any])?["duration_s"] as? Double == 60)
    }

    @Test("an interrupted run says so in its tables")
    func tables() throws {
        let command = try workplace().start(["run", "t.yaml"])
        try #require(command.waitUntilItHandlesSignals())
        command.send(SIGINT)
        let result = try command.wait(limit: 30)
        #expect(result.exitCode == 0)
        #expect(result.output.contains("\nRun (interrupted): CPU"))
    }

    @Test(
        "a reader that has gone ends the command without a word",
        arguments: [
            ["run", "t.yaml", "--duration", "100ms"], ["run", "t.yaml", "--duration", "100ms", "--json"],
            ["model", "list"],
            ["--help"], ["doctor"],
        ])
    func closedPipe(arguments: [String]) throws {
        let workplace = try workplace()
        let pipe = Pipe()
        try pipe.fileHandleForReading.close()
        let command = try workplace.start(arguments, standardOutput: pipe.fileHandleForWriting)
        let result = try command.wait(limit: 60)
        #expect(result.signal == SIGPIPE || result.exitCode == 1)
        #expect(!result.hasTrace)
        #expect(result.errorLines.count <= 1)
    }

    @Test(
        "a full disk is an error, not lost output",
        arguments: [
            ["run", "t.yaml", "--duration", "100ms"], ["run", "t.yaml", "--duration", "100ms", "--json"],
            ["model", "list"],
            ["doctor"], ["--help"],
        ])
    func fullDisk(arguments: [String]) throws {
        let workplace = try workplace()
        let full = try #require(FileHandle(forWritingAtPath: "/dev/full"))
        let result = try workplace.start(arguments, standardOutput: full).wait(limit: 60)
        #expect(result.exitCode == 1)
        #expect(result.errorLines == ["error: cannot write to standard output: No space left on device"])
    }
}
