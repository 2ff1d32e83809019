import Foundation
import Testing

@Suite("Models and limits that would end the process", .timeLimit(.minutes(15)))
struct OddModelTests {
    private func split(_ model: [UInt8], _ arguments: [String] = []) throws -> CommandResult {
        let workplace = try Workplace()
        try workplace.write(model, to: "net.onnx")
        return try workplace.daris(["split", "net.onnx", "--stages", "1"] + arguments)
    }

    /// Fails unless a command ended with one error and exit code 1.
    private func expect(_ result: CommandResult, _ words: String...) {
        #expect(result.exitCode == 1 && !result.hasTrace, "\(result.errors)")
        #expect(result.errorLines.count == 1 && result.errors.contains("error: "), "\(result.errors)")
        for text in words { #expect(result.errors.contains(text), "\(result.errors)") }
    }

    @Test("dimensions that make an input larger than the memory are refused with its size")
    func dimensions() throws {
        let result = try split(TestModels.symbolicWidth, ["--dimension", "width=100000000000"])
        expect(result, "error: model 'net': its input 'x' of 1 × 100000000000 elements takes 373 GiB, and there are ")
        let beyond = try split(TestModels.symbolicWidth, ["--dimension", "width=9000000000000000000"])
        expect(beyond, "takes more than ")
    }

    @Test("an input declared larger than the memory is refused with its size", arguments: [1, 8])
    func declared(type: Int) throws {
        let size = type == 1 ? "373 GiB" : "2980 GiB"
        expect(
            try split(TestModels.long(100_000_000_000, type: type)),
            "its input 'x' of 100000000000 elements takes \(size), and there are ")
    }

    @Test("an output larger than the memory is an error of the model")
    func output() throws {
        expect(try split(TestModels.expanding(to: 100_000_000_000_000)), "error: model 'net': ")
    }

    @Test("a model whose operator traps is refused by name, with the signal")
    func traps() throws {
        let result = try split(TestModels.steps)
        expect(result, "error: model 'net': its process was ended by signal 8 (Floating point exception) when it was ")
    }

    @Test("in a folder of models the one that traps is not served, and is reported")
    func served() throws {
        let workplace = try Workplace()
        let models = workplace.path("models")
        try FileManager.default.createDirectory(atPath: models, withIntermediateDirectories: false)
        try workplace.write(TestModels.steps, to: "models/bad.onnx")
        let only = try workplace.daris("serve", "--models", models, "--http", "127.0.0.1:0", "--grpc", "off")
        #expect(only.exitCode == 1 && !only.hasTrace)
        #expect(only.errors.contains("not served: model 'bad': its process was ended by signal 8"), "\(only.errors)")
        try workplace.write(TestModels.small, to: "models/good.onnx")
        let both = try workplace.start(["serve", "--models", models, "--http", "127.0.0.1:0", "--grpc", "off"])
        #expect(both.waitUntilItHandlesSignals())
        both.send(SIGTERM)
        let result = try both.wait(limit: 60)
        #expect(result.exitCode == 0 && !result.hasTrace, "\(result.errors)")
        #expect(
            result.errors.contains("not served: model 'bad': its process was ended by signal 8"), "\(result.errors)")
    }

    @Test("a model is tried once; another start of the same content pays nothing")
    func triedOnce() throws {
        let workplace = try Workplace()
        try workplace.write(TestModels.small, to: "net.onnx")
        let first = try workplace.daris("split", "net.onnx", "--stages", "1")
        #expect(first.exitCode == 0 && first.errors.contains("trying net"))
        let second = try workplace.daris("split", "net.onnx", "--stages", "2")
        #expect(second.exitCode == 0 && !second.errors.contains("trying net"))
        try workplace.write(TestModels.strings, to: "net.onnx")
        #expect(try workplace.daris("split", "net.onnx", "--stages", "1").errors.contains("trying net"))
        #expect(try workplace.daris("split", "net.onnx", "--stages", "1", "--fresh").errors.contains("trying net"))
    }

    @Test("a thread that the system refuses is one error")
    func noThread() throws {
        // The limit of the stack is what a new thread gets, so that of 100 TB no thread can have one.
        let process = Process()
        let errors = Pipe()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "ulimit -s 100000000000 || exit 77; exec '\(Workplace.executable)' doctor"]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = errors
        try process.run()
        let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        // Where the limit may not be raised, there is nothing to see.
        guard process.terminationStatus != 77 else { return }
        #expect(process.terminationReason == .exit && process.terminationStatus == 1)
        #expect(said.hasPrefix("error: the system refused the thread 'daris-probe'"), "\(said)")
        #expect(said.split(separator: "\n").count == 1)
    }

    @Test(
        "at no limit of threads does a run or a server die of a signal or wait for ever", arguments: ["run", "serve"])
    func fewThreads(command: String) throws {
        let workplace = try Workplace()
        try workplace.write(TestModels.small, to: "net.onnx")
        try workplace.write(
            """
            partition: {contexts: 2, streams: 1}
            models: {net: {file: net.onnx, stages: 2}}
            tasks: [{name: a, model: net, rate: 10 Hz, priority: low, count: 2, arrival: sporadic}]
            serve: {http: '127.0.0.1:0', grpc: '127.0.0.1:0'}
            run: {duration: 100 ms}
            """, to: "t.yaml")
        for limit in [1, 2, 3, 4, 5, 6, 8, 10, 12] {
            // The limit does not hold for root, and counts all threads of a user.
            let user = command == "run" ? 54321 : 54322
            let script = """
                if [ $(id -u) = 0 ]; then user='setpriv --reuid \(user) --regid \(user) --clear-groups'; fi
                $user prlimit --nproc=\(limit) true || exit 77
                exec $user prlimit --nproc=\(limit) '\(Workplace.executable)' \(command) t.yaml 2>&1
                """
            let process = Process()
            let said = Pipe()
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = ["-c", script]
            process.currentDirectoryURL = URL(fileURLWithPath: workplace.folder)
            // Without a cache, for another user's would not be used.
            process.environment = ["PATH": "/usr/bin:/bin"]
            process.standardOutput = said
            process.standardError = FileHandle.nullDevice
            try process.run()
            let running = process.processIdentifier
            let outcome = Self.read(said.fileHandleForReading, until: "ready: ") { kill(running, SIGTERM) }
            process.waitUntilExit()
            guard process.terminationStatus != 77 else { return }
            #expect(process.terminationReason == .exit, "with \(limit) threads")
            #expect([0, 1].contains(process.terminationStatus), "with \(limit) threads")
            #expect(
                (process.terminationStatus == 1) == outcome.contains("error: "),
                "with \(limit) threads: \(outcome)")
            #expect(process.terminationStatus == 1 || limit > 1)
        }
    }

    /// All that comes; `whenFound` is called once `text` has come.
    private static func read(
        _ file: FileHandle, until text: String, whenFound: () -> Void
    ) -> String {
        var isFound = false
        var all = Data()
        while let some = try? file.read(upToCount: 1), !some.isEmpty {
            all += some
            if !isFound, some == Data("\n".utf8), String(decoding: all, as: UTF8.self).contains(text) {
                isFound = true
                whenFound()
            }
        }
        return String(decoding: all, as: UTF8.self)
    }
}
