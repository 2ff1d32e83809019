import DarisConfiguration
import DarisCore
import DarisONNX
import Foundation
import ONNXRuntime

/// Tries a model file in a process of its own before this one runs it.
///
/// An operator's native code may trap (an STFT with a step of 0 divides by it) or take more memory than there is, and its
/// process ends with it. What has been tried is kept in the cache, by content, so that later starts pay nothing.
package struct ModelProbe: Sendable {
    /// The program that is started: `daris`.
    let program: String

    /// How long a model may take. Loading one of 2 GiB from a slow disk takes a minute.
    private static let limit = Nanoseconds.seconds(Int64(600))

    /// A probe that runs `daris`, if there is one; see `Preparation.Options.workerExecutable`.
    init?(workerExecutable: String?) {
        guard let program = try? WorkerExecutable.find(workerExecutable) else { return nil }
        self.program = program
    }

    /// What the process is asked, on its standard input.
    struct Question: Codable {
        static let currentVersion = 1

        var version = currentVersion
        var name: String
        var path: String
        var dimensions: [String: Int]
        var batches: [Int]
        /// ONNX Runtime's file.
        var library: String
    }

    /// Tries a model.
    ///
    /// - Throws: if its process did not end by itself. A model that it cannot load or run is no matter here: the next
    ///   load reports that, too.
    func check(_ question: Question) throws(PreparationError) {
        let environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
        let outcome: ChildProcess.Outcome
        do {
            let text = String(decoding: try JSONEncoder().encode(question), as: UTF8.self)
            outcome = try ChildProcess.run(
                program, ["worker", "--probe"], environment: environment, input: text, limit: Self.limit)
        } catch {
            throw .unsupported(name: question.name, reason: "it cannot be tried in a process of its own: \(error)")
        }
        guard outcome.code < 0 else { return }
        let signal = "\(outcome.signal) (\(String(cString: strsignal(outcome.signal))))"
        let end = "its process was ended by signal \(signal) when it was tried on random inputs, "
        throw .unsupported(
            name: question.name,
            reason: outcome.signal == SIGKILL
                ? end + "as happens when memory runs out; there are \(MemoryBill.text(MachineMemory.own.limit))"
                : end + "which an operator of it cannot bear; it is not run, for it would end this process too")
    }
}

extension ModelProbe {
    /// The process's own side: reads the question, and loads and runs the model as those who start will.
    ///
    /// - Returns: the exit code: 0 if all went well, 1 if the model cannot be loaded or run, 2 if there is no question.
    package static func answer() -> Int32 {
        // What this process is for is no reason for a core file, and if memory runs out it is the one to end.
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        try? "1000".write(toFile: "/proc/self/oom_score_adj", atomically: false, encoding: .utf8)
        guard let data = try? FileHandle.standardInput.readToEnd(),
            let question = try? JSONDecoder().decode(Question.self, from: data),
            question.version == Question.currentVersion
        else { return 2 }
        do {
            let library = try ONNXRuntimeLibrary.open(searching: LibrarySearch(override: question.library))
            let environment = try ONNXRuntime.Environment(library: library, severity: .fatal)
            let bytes = try ONNXModel.read(path: question.path).serialized()
            // Nodes are timed one by one before a model is cut, and run optimised afterwards.
            for level in [SessionOptions.OptimizationLevel.none, .all] {
                var options = SessionOptions()
                options.intraOpThreads = 1
                options.freeDimensionOverrides = question.dimensions
                options.optimizationLevel = level
                let session = try Session(
                    environment: environment, model: .bytes(bytes, name: question.name), options: options)
                for batch in question.batches { try run(session, question, batch: batch) }
            }
        } catch {
            FileHandle.standardError.write(Data("\(error)\n".utf8))
            return 1
        }
        return 0
    }

    private static func run(_ session: Session, _ question: Question, batch: Int) throws {
        let inputs = try InputShapes.resolve(
            session.inputs, model: question.name, batch: batch, dimensions: question.dimensions)
        for (seed, isSparse) in [(UInt64(1), false), (2, true)] {
            let tensors = try InputShapes.randomTensors(
                inputs, library: session.environment.library, seed: seed, isSparse: isSparse)
            _ = try session.run(inputs: tensors)
        }
    }
}
