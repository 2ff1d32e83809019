import CDarisSystem
import DarisCore
import Foundation
import Testing

@testable import DarisRuntime

/// Serialized, since some of these count the files that workers have open.
@Suite("Worker processes", .serialized, .timeLimit(.minutes(15)))
struct WorkerDeviceTests {
    private let workshop: Workshop

    init() throws { workshop = try Workshop() }

    private func bench(streams: Int = 1, budget: RestartBudget = RestartBudget()) async throws -> WorkerBench {
        let workshop = workshop
        return try await onThread {
            let model = try workshop.cut(SmallModels.chain, stages: 2)
            return try WorkerBench(
                workshop, [model], tasks: [.init(model: 0, batch: 1), .init(model: 0, batch: 1)], streams: streams,
                budget: budget)
        }
    }

    private let input = bytes([Float]([-1, 0, 4]))
    private let expected: [Float] = [-1, -1, 7]

    /// Has a task run a job, whose output must be right.
    private func expectOutput(of task: Int, _ executor: Executor<WorkerDevice>) async throws {
        let outputs = try await executor.submit(task: task, inputs: [input])
        #expect(floats(outputs[0]) == expected)
    }

    // MARK: - Results

    @Test("in a worker, too, LP stages run on a thread that makes way, and HP runs over them on an express lane")
    func express() async throws {
        let workshop = try Workshop()
        let model = try await onThread { try workshop.cut(SmallModels.chain, stages: 2) }
        let bench = try await onThread {
            try WorkerBench(
                workshop, [model], tasks: [.init(model: 0, batch: 1), .init(model: 0, batch: 1)],
                priorities: [.high, .low], contexts: 1, express: 1)
        }
        #expect(bench.device.laneCount == 2 && bench.device.ordinaryLanes == [0])
        try await bench.run { executor in
            try await checkChain(executor)
            try await checkChain(executor, task: 1)
            let process = try #require(bench.worker(0))
            let threads = ThreadPolicies.read(process: "\(process)")
            #expect(threads.names(idle: true) == ["daris-0.0l"])
            #expect(threads.names(idle: false).isSuperset(of: ["daris-0.0", "daris-0.1"]))
            // A stage of each at once: LP on the ordinary lane, HP on top.
            let ends = Journal<StageEnd>()
            bench.device.setHandler { ends.append($0) }
            bench.device.launch(
                Dispatch(stage: 0, lane: 0, job: .init(JobID(task: 1, sequence: 9), instance: 1)), tensors: [])
            bench.device.launch(
                Dispatch(stage: 0, lane: 1, job: .init(JobID(task: 0, sequence: 9), instance: 0)), tensors: [])
            let both = await ends.first(2)
            #expect(Set(both.map(\.lane)) == [0, 1] && both.allSatisfy { $0.error == nil })
        }
    }

    @Test("outputs are those of the device in this process, bit by bit", arguments: [1, 2])
    func outputs(streams: Int) async throws {
        let workshop = workshop
        let partition = Partition(contexts: 2, streams: streams, oversubscription: 1)
        let models = try await onThread {
            [
                try workshop.cut(SmallModels.twoOutputs, name: "two", stages: 2),
                try workshop.cut(SmallModels.wide, name: "wide", stages: 3),
                try workshop.cut(SmallModels.constant, name: "constant", stages: 1),
            ]
        }
        let tasks = [(0, 2), (1, 1), (2, 1), (1, 2)].map { DeviceTask(model: $0, batch: $1) }
        let (inside, outside) = try await onThread {
            (
                try CPUBench(workshop, models, tasks: tasks, partition: partition),
                try WorkerBench(workshop, models, tasks: tasks, contexts: 2, streams: streams)
            )
        }
        var answers: [[[[UInt8]]]] = [[], []]
        func ask(_ submit: (Int, [[UInt8]]) async throws -> [[UInt8]], _ side: Int) async throws {
            for round in 0..<3 {
                for task in tasks.indices {
                    let inputs = inside.device.tensorSizes(of: task).inputs.enumerated().map { index, size in
                        bytes(randomFloats((size.byteCount ?? 0) / 4, seed: UInt64(100 * round + 10 * task + index)))
                    }
                    answers[side].append(try await submit(task, inputs))
                }
            }
        }
        for task in tasks.indices {
            let (a, b) = (inside.device.tensorSizes(of: task), outside.device.tensorSizes(of: task))
            #expect(a.inputs == b.inputs && a.outputs == b.outputs)
        }
        _ = try await inside.run { executor in
            try await ask({ try await executor.submit(task: $0, inputs: $1) }, 0)
        }
        try await outside.run { executor in
            try await ask({ try await executor.submit(task: $0, inputs: $1) }, 1)
        }
        #expect(answers[0] == answers[1])
        #expect(answers[0].count == 12 && answers[0].allSatisfy { !$0.isEmpty })
    }

    @Test("a stage that fails fails its job with the words of the one that ran it, and the worker goes on")
    func failingStage() async throws {
        let workshop = workshop
        let bench = try await onThread {
            let model = try workshop.cut(SmallModels.gather, stages: 2)
            return try WorkerBench(workshop, [model], tasks: [.init(model: 0, batch: 1)])
        }
        let outcome = try await bench.run { executor in
            for index: Int64 in [7, 3, -9] {
                let inputs = [bytes([Float]([-1, 0, 2])), bytes([index])]
                if index == 3 {
                    let outputs = try await executor.submit(task: 0, inputs: inputs)
                    #expect(floats(outputs[0]) == [40, 40, 42])
                } else {
                    let error = await #expect(throws: SubmissionError.self) {
                        try await executor.submit(task: 0, inputs: inputs)
                    }
                    let ending = error.flatMap { Bench.Answer.failure($0).ending }
                    #expect(ending?.reason == .stageFailed)
                    #expect(ending?.message?.contains("idx=\(index)") == true)
                }
            }
        }
        #expect(bench.changes.entries.isEmpty && bench.device.notes.isEmpty)
        #expect(outcome.summary.contexts.allSatisfy { $0.losses == 0 })
    }

    @Test(
        "while tensors of a job are copied, ends on other lanes of its context are told",
        arguments: HeldTensors.Side.allCases)
    func copies(side: HeldTensors.Side) async throws {
        let workshop = workshop
        let bench = try await onThread {
            let model = try workshop.cut(SmallModels.wide, stages: 1)
            return try WorkerBench(
                workshop, [model], tasks: [.init(model: 0, batch: 1), .init(model: 0, batch: 1)], contexts: 1,
                streams: 2)
        }
        let (watcher, ends, otherEnds) = (ThreadIdentity(), Journal<StageEnd>(), Journal<StageEnd>())
        bench.device.setHandler { end in
            if end.lane == 1 { watcher.claim() }
            (end.lane == 0 ? ends : otherEnds).append(end)
        }
        let held = HeldTensors(
            inputs: [[UInt8](repeating: 0, count: 1 << 18)], outputSizes: bench.device.tensorSizes(of: 0).outputs,
            holding: side, busy: watcher)
        bench.device.launch(JobID(task: 1, sequence: 0), stage: 0, lane: 1)
        _ = await otherEnds.first(1)
        bench.device.launch(JobID(task: 0, sequence: 0), stage: 0, lane: 0, io: held)
        await held.waitForCopy()
        for sequence in 1...3 {
            bench.device.launch(JobID(task: 1, sequence: sequence), stage: 0, lane: 1)
            _ = await otherEnds.first(sequence + 1)
        }
        #expect(ends.entries.isEmpty)
        held.release()
        #expect(await ends.first(1)[0].error == nil)
        #expect(held.outputs[0] == [UInt8](repeating: 0, count: 1 << 18))
        await onThread { bench.device.shutDown() }
    }

    @Test("stages are terminated in workers too, until the next executor takes it back")
    func termination() async throws {
        let bench = try await bench()
        let ends = Journal<StageEnd>()
        bench.device.setHandler { ends.append($0) }
        bench.device.terminateRunningStages()
        bench.device.launch(JobID(task: 0, sequence: 0), stage: 0, lane: 0, io: nil)
        #expect(await ends.first(1)[0].error?.description.contains("terminate") == true)
        let outcome = try await bench.run { executor in
            try await expectOutput(of: 0, executor)
        }
        #expect(outcome.errors.isEmpty)
    }

    // MARK: - Loss

    @Test("a killed worker takes only its running job with it, its tasks move, and its context comes back into use")
    func killed() async throws {
        let bench = try await bench()
        let answers = Journal<Bench.Answer>()
        let outcome = try await bench.run { executor in
            // Stopped, the worker of task 0 cannot finish before it is killed.
            await bench.stop(0)
            try executor.submit(task: 0, inputs: [input]) { answers.append($0) }
            #expect(await bench.launches.first(1)[0].lane == 0)
            try await expectOutput(of: 1, executor)
            #expect(answers.entries.isEmpty)

            bench.send(SIGKILL, to: 0)
            let ending = await answers.first(1)[0].ending
            #expect(ending?.fate == .failed && ending?.reason == .contextLost)
            #expect(ending?.message == "its worker process was killed by signal 9 (Killed)")
            // At once, wherever there is a context for it.
            try await expectOutput(of: 0, executor)

            #expect(await bench.changes.first(2) == [.contextLost(0), .contextRestored(0)])
            let before = bench.launches.entries.count
            try await expectOutput(of: 0, executor)
            #expect(await bench.launches.first(before + 1)[before].lane == 0)
        }
        #expect(outcome.summary.jobs.failed == 1 && outcome.summary.jobs.completed == 3)
        #expect(outcome.summary.jobs.isBalanced)
        #expect(outcome.errors.map(\.message) == ["its worker process was killed by signal 9 (Killed)"])
        #expect(outcome.summary.contexts.map(\.losses) == [1, 0])
        #expect(outcome.summary.contexts.map(\.restores) == [1, 0])
        #expect(
            bench.device.notes == [
                "context 0 was lost once and came back once: its worker process was killed by signal 9 (Killed)"
            ])
    }

    @Test("the stages that a lost worker was running are told as failed, after the context")
    func order() async throws {
        let bench = try await bench(streams: 2)
        let told = Journal<String>()
        bench.device.setHandler { told.append("end of lane \($0.lane), \($0.error == nil ? "done" : "failed")") }
        bench.device.setContextHandler { change in
            switch change {
            case .lost(let context, _): told.append("lost \(context)")
            case .restored(let context): told.append("restored \(context)")
            case .abandoned: told.append("abandoned")
            }
        }
        await bench.stop(1)
        for lane in 2..<4 { bench.device.launch(JobID(task: lane - 2, sequence: 0), stage: 0, lane: lane, io: nil) }
        bench.send(SIGKILL, to: 1)
        let expected = ["lost 1", "end of lane 2, failed", "end of lane 3, failed", "restored 1"]
        #expect(await told.first(4) == expected)
        bench.device.launch(JobID(task: 0, sequence: 1), stage: 0, lane: 3, io: nil)
        #expect(await told.first(5).last == "end of lane 3, done")
        await onThread { bench.device.shutDown() }
    }

    @Test("a context that is lost too often is given up for a pause; who listens later hears of it at once")
    func givenUp() async throws {
        let bench = try await bench(
            budget: RestartBudget(limit: 1, span: .seconds(Int64(86_400)), firstPause: .seconds(Int64(300))))
        let ends = Journal<StageEnd>()
        bench.device.setHandler { ends.append($0) }
        for count in 1...2 {
            while bench.worker(0) == nil { await Task.yield() }
            await bench.stop(0)
            bench.device.launch(JobID(task: 0, sequence: count), stage: 0, lane: 0, io: nil)
            bench.send(SIGKILL, to: 0)
            _ = await ends.first(count)
        }
        let told = Journal<Int>()
        bench.device.setContextHandler { if case .lost(let context, _) = $0 { told.append(context) } }
        #expect(await told.first(1) == [0])
        // Launches on it fail, and say why.
        bench.device.launch(JobID(task: 0, sequence: 99), stage: 0, lane: 0, io: nil)
        let end = await ends.first(3).last
        #expect(end?.error?.description.contains("killed by signal 9") == true)
        while bench.device.contexts[0].state.withLock({ $0.record.pauses == 0 }) { await Task.yield() }
        await onThread { bench.device.shutDown() }
        let note = try #require(bench.device.notes.first)
        #expect(note.hasPrefix("context 0 was lost 2 times and came back once: "))
        #expect(note.hasSuffix("; it was given up for a pause once"))
    }

    @Test("a context that was given up is tried again")
    func triedAgain() async throws {
        let bench = try await bench(
            budget: RestartBudget(limit: 0, span: .seconds(Int64(86_400)), firstPause: .milliseconds(1)))
        let outcome = try await bench.run { executor in
            for count in 1...3 {
                bench.send(SIGKILL, to: 0)
                #expect(await bench.changes.first(2 * count).last == .contextRestored(0))
            }
            try await expectOutput(of: 0, executor)
        }
        #expect(outcome.loss == nil)
        #expect(bench.device.notes.first?.hasSuffix("; it was given up for a pause 3 times") == true)
    }

    @Test("a run ends by itself, and says why, once no context comes back")
    func nothingComesBack() async throws {
        let workshop = workshop
        let bench = try await bench(budget: RestartBudget(limit: 0, firstPause: .milliseconds(1)))
        let outcome = try await bench.run { executor in
            try await expectOutput(of: 0, executor)
            #expect(executor.canRun)
            // Without their models no workers start.
            try FileManager.default.removeItem(atPath: workshop.folder.path)
            for context in 0..<2 { bench.send(SIGKILL, to: context) }
            while executor.state.withLock({ $0.loss == nil }) { await Task.yield() }
            #expect(!executor.canRun)
            await #expect(throws: SubmissionError.self) {
                _ = try await executor.submit(task: 0, inputs: [input])
            }
        }
        let loss = try #require(outcome.loss).description
        #expect(loss.hasPrefix("every context is lost and was given up again and again; context "))
        #expect(loss.hasSuffix("its worker process was killed by signal 9 (Killed)"))
    }

    // MARK: - Memory that has been scribbled on

    @Test("what a worker cannot have written loses it, and nothing else", arguments: Scribble.allCases)
    func scribbled(scribble: Scribble) async throws {
        let bench = try await bench()
        let answers = Journal<Bench.Answer>()
        let outcome = try await bench.run { executor in
            let attachment = try #require(bench.device.contexts[0].state.withLock { $0.attachment })
            await bench.stop(0)
            try executor.submit(task: 0, inputs: [input]) { answers.append($0) }
            // The watching thread writes the command once it has copied the inputs.
            while daris_load(attachment.memory.slot(0).bell(makingWay: false).commanded) == 0 { await Task.yield() }
            scribble.write(to: attachment.memory.slot(0))
            attachment.wake(0)
            let message = await answers.first(1)[0].ending?.message
            #expect(message?.hasPrefix("its worker process went wrong: it ") == true)
            #expect(message?.contains(scribble.words) == true, "\(message ?? "")")
            try await expectOutput(of: 1, executor)
            #expect(await bench.changes.first(2) == [.contextLost(0), .contextRestored(0)])
        }
        #expect(outcome.summary.jobs.failed == 1 && outcome.summary.jobs.isBalanced)
    }

    // MARK: - Start and end

    @Test("a worker that does not start is an error that names the context and the reason")
    func failingStarts() async throws {
        let workshop = workshop
        let script = workshop.folder.path + "/hangs"
        try "#!/bin/sh\nexec sleep 1000\n".write(toFile: script, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: script)
        func refusal(
            program: String = WorkerBench.program, limit: Nanoseconds = WorkerLimits.start,
            change: @escaping @Sendable (inout WorkerSpecification) -> Void = { _ in }
        ) async throws -> String {
            try await onThread {
                let model = try workshop.cut(SmallModels.chain, stages: 2)
                let plans = try (0..<2).map { context in
                    var specification = try WorkerBench.specification(
                        workshop, [model], tasks: [.init(model: 0, batch: 1)], context: context)
                    if context == 1 { change(&specification) }
                    return WorkerDevice.ContextPlan(specification: specification)
                }
                do {
                    _ = try WorkerDevice(plans, program: program, startLimit: limit) { _ in }
                    return "it started"
                } catch {
                    return "\(error)"
                }
            }
        }
        let prefix = "the worker process of context "
        #expect(
            try await refusal(program: "/bin/false") == prefix
                + "0 does not start: its worker process ended with exit code 1 before it was ready")
        #expect(
            try await refusal(program: "/nowhere/daris").contains("'/nowhere/daris' cannot be started: No such file"))
        #expect(
            try await refusal(program: script, limit: .milliseconds(50)).hasSuffix("was not ready after 0.05 s"))
        let missing = try await refusal { $0.models[0].stages[1].path = "/nowhere/stage.onnx" }
        #expect(
            missing.hasPrefix(prefix + "1 does not start: model 'small': ") && missing.contains("/nowhere/stage.onnx"))
        let library = try await refusal { $0.library = "/nowhere/libonnxruntime.so" }
        #expect(library.hasPrefix(prefix + "1 does not start: ") && library.contains("/nowhere/libonnxruntime.so"))
        let version = try await refusal { $0.version += 1 }
        #expect(version.contains("another version of Daris"))
    }

    @Test("a worker that loses its device says why, and that is why its context is lost")
    func lastWords() async throws {
        let folder = try TemporaryFolder()
        let bytes = SharedMemory.tensorStart(lanes: 1)
        let ready = WorkerReadiness(byteCount: bytes, tasks: [], shapes: [])
        let messages: [WorkerMessage] = [.ready(try JSONEncoder().encode(ready)), .failed("error 700")]
        for (index, message) in messages.enumerated() {
            try Data(message.encoded).write(to: URL(fileURLWithPath: folder.path + "/\(index)"))
        }
        let script = try folder.program(
            "daris",
            """
            cd \(folder.path)
            truncate -s \(bytes) /proc/self/fd/3
            cat 0 >&4
            sleep 0.1
            cat 1 >&4
            exit 3
            """)
        let plan = WorkerDevice.ContextPlan(specification: try WorkerBench.specification(workshop, [], tasks: []))
        let reason = try await onThread {
            let device = try WorkerDevice([plan], program: script, budget: RestartBudget(limit: 1)) { _ in }
            defer { device.shutDown() }
            while true {
                if let reason = device.contexts[0].state.withLock({ $0.record.lastReason }) { return reason }
                usleep(1_000)
            }
        }
        #expect(reason == "its worker process ended with exit code 3: error 700")
    }

    @Test("a worker that does not end when it is told to is killed")
    func stopped() async throws {
        let bench = try await bench()
        let processes = [0, 1].compactMap { bench.worker($0) }
        #expect(processes.count == 2)
        await bench.stop(0)
        await onThread { bench.device.shutDown() }
        for process in processes { #expect(kill(process, 0) == -1 && errno == ESRCH) }
        #expect(bench.device.notes.isEmpty)
    }

    @Test("starting, losing and stopping workers leaves no process, no shared memory and no open file behind")
    func leaks() async throws {
        let workshop = workshop
        let model = try await onThread { try workshop.cut(SmallModels.chain, stages: 1) }
        func cycle(_ number: Int) async throws {
            let bench = try await onThread {
                try WorkerBench(workshop, [model], tasks: [.init(model: 0, batch: 1)])
            }
            var processes = [0, 1].compactMap { bench.worker($0) }
            try await bench.run { executor in
                _ = try await executor.submit(task: 0, inputs: [input])
                guard number % 2 == 0 else { return }
                bench.send(SIGKILL, to: 1)
                _ = await bench.changes.first(2)
                processes += [bench.worker(1)].compactMap { $0 }
            }
            for process in processes { #expect(kill(process, 0) == -1 && errno == ESRCH) }
        }
        try await cycle(0)
        let before = Self.openFiles()
        let cycles = 8
        for number in 1...cycles { try await cycle(number) }
        // Other tests open and close a few at the same time; what workers leave behind would be at least one a cycle.
        for (kind, count) in Self.openFiles() {
            #expect(count - before[kind, default: 0] < cycles, "\(kind)")
        }
    }

    /// Files of the kinds that workers need which this process has open, and mappings of shared memory, counted by kind.
    private static func openFiles() -> [String: Int] {
        var counts: [String: Int] = [:]
        let files = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        for file in files {
            let target = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + file)) ?? ""
            for kind in ["socket:", "/memfd:daris", "anon_inode:[pidfd]"] where target.hasPrefix(kind) {
                counts[kind, default: 0] += 1
            }
        }
        let maps = (try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)) ?? ""
        counts["mappings"] = maps.split(separator: "\n").count { $0.contains("/memfd:daris") }
        return counts
    }
}
