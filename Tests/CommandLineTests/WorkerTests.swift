import Foundation
import Testing

@Suite("Runs in worker processes", .timeLimit(.minutes(15)))
struct WorkerTests {
    private func workplace(duration: String = "60 s") throws -> Workplace {
        let workplace = try Workplace()
        try workplace.write(TestModels.small, to: "net.onnx")
        try workplace.write(
            """
            isolation: process
            partition: {contexts: 2, streams: 1, oversubscription: 1}
            models: {net: {file: net.onnx, stages: 2}}
            tasks: [{name: a, model: net, rate: 50 Hz, priority: high, count: 2}, {name: b, model: net, rate: 20 Hz, priority: low}]
            run: {duration: \(duration)}
            """, to: "t.yaml")
        return workplace
    }

    /// The children of a process that live.
    private func children(of parent: Int32) -> [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { Int32($0) }.filter { Self.parent(of: $0) == parent }.sorted()
    }

    /// The parent of a process, or `nil` if the process has ended.
    private static func parent(of process: Int32) -> Int32? {
        let status = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ""
        // After the name in parentheses: the state, then the parent.
        let fields = status.split(separator: ")").last?.split(separator: " ") ?? []
        return fields.count > 1 && fields[0] != "Z" ? Int32(fields[1]) : nil
    }

    private func waitUntilGone(_ processes: [Int32]) {
        while processes.contains(where: { Self.parent(of: $0) != nil }) { Thread.sleep(forTimeInterval: 0.02) }
    }

    @Test("a run in workers gives the report of a run, and Ctrl-C ends it and them")
    func interrupted() throws {
        let workplace = try workplace()
        let command = try workplace.start(["run", "t.yaml", "--json"])
        try #require(command.waitUntilItHandlesSignals())
        let workers = children(of: command.processIdentifier)
        #expect(workers.count == 2)
        // As a terminal does it: to all of them.
        for worker in workers { kill(worker, SIGINT) }
        command.send(SIGINT)
        let result = try command.wait(limit: 60)
        #expect(result.exitCode == 0)
        #expect(result.errorLines == ["stopping: jobs in flight run to their end (again to give up)"])
        let report = try result.json()
        let jobs = try Jobs(report)
        #expect(jobs.isBalanced && jobs["failed"] == 0 && jobs["completed"] > 0)
        #expect((report["notes"] as? [String])?.isEmpty == true)
        waitUntilGone(workers)
    }

    @Test("a worker that is killed is in the report, and another one takes its place")
    func killed() throws {
        let workplace = try workplace()
        let command = try workplace.start(["run", "t.yaml", "--json"])
        try #require(command.waitUntilItHandlesSignals())
        let workers = children(of: command.processIdentifier)
        kill(try #require(workers.first), SIGKILL)
        while Set(children(of: command.processIdentifier)).subtracting(workers).isEmpty {
            Thread.sleep(forTimeInterval: 0.02)
        }
        command.send(SIGINT)
        let result = try command.wait(limit: 60)
        #expect(result.exitCode == 0)
        let report = try result.json()
        #expect(try Jobs(report).isBalanced)
        let contexts = try #require(report["contexts"] as? [[String: Any]])
        #expect(contexts.reduce(0) { $0 + ($1["losses"] as? Int ?? 0) } == 1)
        let notes = try #require(report["notes"] as? [String])
        #expect(notes.count == 1)
        #expect(notes.first?.contains("its worker process was killed by signal 9") == true)
    }

    @Test("a crash ends a worker, and the command itself, with one line and without a backtrace that takes seconds")
    func crashes() throws {
        let workplace = try workplace()
        let command = try workplace.start(["run", "t.yaml"])
        try #require(command.waitUntilItHandlesSignals())
        let worker = try #require(children(of: command.processIdentifier).first)
        kill(worker, SIGFPE)
        waitUntilGone([worker])
        command.send(SIGSEGV)
        let result = try command.wait(limit: 60)
        #expect(result.signal == SIGSEGV)
        let advice = "; with SWIFT_BACKTRACE=enable=yes it says where"
        let lines = result.errorLines
        #expect(lines.count == 2, "\(result.errors)")
        #expect(
            (0..<2).map { "error: the worker process of context \($0) crashed: signal 8 (SIGFPE)" + advice }
                .contains(lines.first ?? ""))
        #expect(lines.last == "error: daris crashed: signal 11 (SIGSEGV)" + advice)
    }

    @Test("a run without a context left ends early with 1")
    func abandoned() throws {
        let workplace = try workplace(duration: "600 s")
        let command = try workplace.start(["run", "t.yaml", "--json"])
        try #require(command.waitUntilItHandlesSignals())
        // Without their models no workers start.
        for name in ["net.onnx", "cache"] { try FileManager.default.removeItem(atPath: workplace.path(name)) }
        for worker in children(of: command.processIdentifier) { kill(worker, SIGKILL) }
        let result = try command.wait(limit: 300)
        #expect(result.exitCode == 1)
        #expect(result.errorLines.last?.hasPrefix("error: the run ended early, for every context is lost") == true)
        #expect(try Jobs(try result.json()).isBalanced)
    }

    @Test("workers end with the process that started them, however it ends")
    func orphans() throws {
        let command = try workplace().start(["run", "t.yaml"])
        try #require(command.waitUntilItHandlesSignals())
        let workers = children(of: command.processIdentifier)
        #expect(workers.count == 2)
        command.send(SIGKILL)
        #expect(try command.wait(limit: 60).signal == SIGKILL)
        waitUntilGone(workers)
    }

    @Test("a model that cannot be run is refused with the worker's message")
    func refused() throws {
        let workplace = try workplace(duration: "1 s")
        try workplace.write(TestModels.long(262_145, type: 8), to: "net.onnx")
        let result = try workplace.daris("run", "t.yaml")
        #expect(result.exitCode == 1)
        #expect(
            result.errorLines.count == 1 && result.errorLines[0].contains("'x' holds 262145 strings; under 'isolation"),
            "\(result.errors)")
    }

    @Test("a worker cannot be started by hand, and the help does not mention it")
    func byHand() throws {
        let workplace = try Workplace()
        let result = try workplace.daris("worker")
        #expect(result.exitCode == 2)
        #expect(result.errors == "error: 'daris worker' is started by daris itself, for 'isolation: process'\n")
        let names = try workplace.daris("--help").output.split(separator: "\n").map { $0.split(separator: " ").first }
        #expect(names.contains("run") && !names.contains("worker"))
        #expect(try workplace.daris("wroker").errors.contains("worker") == false)
    }
}
