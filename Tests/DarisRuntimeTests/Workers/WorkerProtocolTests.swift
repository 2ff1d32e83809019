import CDarisSystem
import DarisCore
import Foundation
import Glibc
import Synchronization
import Testing

@testable import DarisRuntime

@Suite("What workers and their parent say to each other", .timeLimit(.minutes(15)))
struct WorkerProtocolTests {
    private static func memory(lanes: Int) throws -> SharedMemory {
        let file = try Descriptor(daris_memory_file("daris-test"), "memory")
        let bytes = SharedMemory.tensorStart(lanes: lanes)
        #expect(ftruncate(file.number, bytes) == 0)
        return try SharedMemory(file: file.number, byteCount: bytes)
    }

    @Test("commands and completions come out of shared memory as they went in")
    func slots() throws {
        let memory = try Self.memory(lanes: 3)
        for lane in 0..<3 {
            let slot = memory.slot(lane)
            let command = LaneSlot.Command(
                job: JobID(task: 7 + lane, sequence: 1 << 40), instance: 7, stage: 3, followsEnd: lane == 1)
            slot.write(command, sequence: 5)
            #expect(slot.command == command && daris_load(slot.bell(makingWay: false).commanded) == 5)
        }
        let completions = [
            LaneSlot.Completion(executionTime: .milliseconds(3), handover: .microseconds(7), error: nil),
            LaneSlot.Completion(executionTime: .zero, handover: nil, error: "it does not — work"),
            LaneSlot.Completion(executionTime: .zero, handover: nil, error: ""),
        ]
        for (lane, completion) in completions.enumerated() {
            memory.slot(lane).write(completion, sequence: 9)
            #expect(try memory.slot(lane).completion() == completion)
            #expect(daris_load(memory.slot(lane).completed) == 9)
        }
        memory.slot(0).write(.init(executionTime: .zero, error: String(repeating: "x", count: 5_000)), sequence: 10)
        #expect(try memory.slot(0).completion().error == String(repeating: "x", count: WorkerLimits.errorBytes))
        #expect(memory.slot(1).command.job.task == 8, "a long error must not run into the next lane")
    }

    @Test("whatever is scribbled on shared memory, only what was launched is told, once, with believable times")
    func fuzz() async throws {
        for seed in 0..<200 as Range<UInt64> {
            var generator = SplitMix64(seed: seed)
            let lanes = 4
            let memory = try Self.memory(lanes: lanes)
            let handlers = WorkerHandlers(contexts: 1)
            let ends = Journal<StageEnd>()
            handlers.setStageHandler { ends.append($0) }
            let specification = WorkerSpecification(
                context: 0, device: try .init(.cpu, [0]),
                partition: Partition(contexts: 1, streams: lanes, oversubscription: 1), tasks: [], models: [], seed: 0,
                fifoPriority: 0,
                locksMemory: false, library: "")
            let context = try WorkerContext(
                .init(
                    index: 0, program: .init(path: "", environment: [:]), specification: specification, processors: [],
                    startLimit: .zero, budget: RestartBudget(), handlers: handlers, progress: { _ in }))
            let attachment = WorkerAttachment(memory: memory, process: 0, lanes: lanes, tasks: [])
            context.state.withLock { $0.attachment = attachment }
            for lane in 0..<lanes {
                context.hand(JobID(task: lane, sequence: 3), instance: lane, stage: lane, lane: lane, io: nil)
            }
            let watching = (0..<lanes).map { lane in
                DedicatedThread.required(.init(name: "test")) { context.watch(lane, attachment) }
            }
            for _ in 0..<20 {
                let lane = Int(generator.next() % UInt64(lanes))
                let slot = memory.slot(lane)
                // Mostly where something is read, mostly small numbers.
                let offsets = [0, 64, 128, 132, 136, 144, 152, Int(generator.next() % 256) * 4]
                let value = generator.next()
                slot.base.storeBytes(
                    of: UInt32(truncatingIfNeeded: value % 3 == 0 ? value >> 8 : value >> 8 & 1),
                    toByteOffset: offsets[Int(generator.next() % UInt64(offsets.count))], as: UInt32.self)
                attachment.wake(lane)
            }
            attachment.close()
            await onThread { for thread in watching { thread.join() } }
            let told = ends.entries
            #expect(Set(told.map(\.lane)).count == told.count, "seed \(seed)")
            for end in told {
                #expect(end.job == JobID(task: end.lane, sequence: 3) && end.stage == end.lane, "seed \(seed)")
                #expect((.zero...WorkerLimits.longestTime).contains(end.executionTime), "seed \(seed)")
            }
        }
    }

    @Test("the end of a stage that lost the device is told before the worker hears that it is lost")
    func loss() async throws {
        /// Fails every stage; the second one loses the device.
        final class LosingDevice: Device {
            let laneCount = 1
            private let handler = Mutex<(@Sendable (StageEnd) -> Void)?>(nil)
            func tensorSizes(of task: Int) -> (inputs: [TensorSize], outputs: [TensorSize]) { ([], []) }
            func setHandler(_ handler: @escaping @Sendable (StageEnd) -> Void) {
                self.handler.withLock { $0 = handler }
            }
            func hand(_ dispatch: Dispatch, tensors: [JobTensors?]) {
                let (job, stage, lane) = (dispatch.jobs[0], dispatch.stage, dispatch.lane)
                let error = DeviceError("error \(job.sequence)", losesDevice: job.sequence == 1)
                handler.withLock { $0 }?(
                    StageEnd(lane: lane, job: job, stage: stage, executionTime: .zero, error: error))
            }
            func terminateRunningStages() {}
            func shutDown() {}
        }
        let memory = try Self.memory(lanes: 1)
        let losses = Journal<String>()
        let server = WorkerServer(LosingDevice(), memory: memory, lanes: 1) { error in
            let told = (try? memory.slot(0).completion().error) ?? "nothing"
            losses.append("\(error), and \(daris_load(memory.slot(0).completed)) was told as \(told)")
        }
        try server.start { _, _ in .init(name: "test") }
        for sequence in 0..<2 {
            let slot = memory.slot(0)
            let job = JobID(task: 0, sequence: sequence)
            slot.write(.init(job: job, instance: 3, stage: 0, followsEnd: false), sequence: UInt32(sequence + 1))
            slot.wakeWorker()
            while daris_load(slot.completed) != UInt32(sequence + 1) { await Task.yield() }
        }
        while losses.entries.isEmpty { await Task.yield() }
        #expect(losses.entries == ["error 1, and 2 was told as error 1"])
    }

    @Test("messages come whole, however they were cut on the way")
    func messages() throws {
        let sent: [WorkerMessage] = [.progress("loading"), .ready(Data([1, 2, 3])), .failed(""), .progress("ü")]
        let bytes = sent.flatMap(\.encoded)
        for size in 1...bytes.count {
            var received: [UInt8] = []
            var texts: [String] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                received += bytes[start..<min(start + size, bytes.count)]
                while let message = try WorkerMessage.take(from: &received) { texts.append("\(message)") }
            }
            #expect(texts == sent.map { "\($0)" } && received.isEmpty)
        }
    }

    @Test("a message that is too long, or of no kind, is refused before it has arrived")
    func impossibleMessages() {
        var long: [UInt8] = [UInt8(ascii: "p"), 1, 0, 0, 1]
        #expect(throws: DeviceError.self) { try WorkerMessage.take(from: &long) }
        var unknown: [UInt8] = [0, 1, 0, 0, 0]
        #expect(throws: DeviceError.self) { try WorkerMessage.take(from: &unknown) }
    }

    @Test("what a worker says of its memory must lie in its memory")
    func readiness() throws {
        let start = SharedMemory.tensorStart(lanes: 1)
        func check(
            _ place: WorkerReadiness.Place, byteCount: Int = start + 100, file: Int = start + 100, tasks: Int = 1
        ) throws(DeviceError) {
            try WorkerReadiness(
                byteCount: byteCount, tasks: [.init(inputs: [], outputs: [place])], shapes: []
            ).check(taskCount: tasks, lanes: 1, fileBytes: file)
        }
        try check(.init(offset: start, bytes: 100))
        try check(.init(offset: start + 100, bytes: 0))
        try check(.init(offset: start, bytes: 100, strings: 3))
        for place: WorkerReadiness.Place in [
            .init(offset: start, bytes: 7, strings: 0), .init(offset: start, bytes: 100, strings: -1),
            .init(offset: start, bytes: 101), .init(offset: start - 1, bytes: 1), .init(offset: start, bytes: -1),
            .init(offset: .max, bytes: .max), .init(offset: start + 1, bytes: .max), .init(offset: -5, bytes: 5),
        ] {
            #expect(throws: DeviceError.self) { try check(place) }
        }
        let place = WorkerReadiness.Place(offset: start, bytes: 1)
        #expect(throws: DeviceError.self) { try check(place, tasks: 2) }
        #expect(throws: DeviceError.self) { try check(place, file: start + 50) }
        #expect(throws: DeviceError.self) { try check(.init(offset: start, bytes: 0), byteCount: 0, file: 0) }
        #expect(throws: DeviceError.self) { try check(place, byteCount: .max, file: .max) }
    }

    @Test("starts come ever later, and after five in a minute pauses that double until a worker has lived for a minute")
    func budget() {
        var budget = RestartBudget()
        let second = Nanoseconds.seconds(Int64(1))
        let delays = (0..<5).map { budget.take(at: Nanoseconds(second.rawValue * Int64($0))) }
        #expect(delays == [20, 40, 80, 160, 320].map { .milliseconds($0) } && budget.pauses == 0)
        // The sixth in a minute, and all that follow while no worker lives for a minute, however late.
        let pauses = (0..<11).map { budget.take(at: Nanoseconds(second.rawValue * Int64(59 + 1000 * $0))) }
        #expect(pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300].map { .seconds(Int64($0)) })
        budget.started(at: .seconds(Int64(20_000)))
        #expect(budget.take(at: .seconds(Int64(20_059))) == .seconds(Int64(300)))
        #expect(budget.pauses == 12)
        budget.started(at: .seconds(Int64(21_000)))
        #expect(budget.take(at: .seconds(Int64(21_060))) == .milliseconds(20))
        #expect(budget.pauses == 0)
    }

    @Test("a context is not relied on to come back after the fifth time in a row that it had to be given up")
    func exhaustion() {
        var budget = RestartBudget(limit: 0)
        #expect(
            (0..<5).map { _ in
                _ = budget.take(at: .zero); return budget.isExhausted
            } == [false, false, false, false, true])
    }

    @Test("the device is abandoned once every context is exhausted at the same time, and who listens later hears of it")
    func abandoned() {
        let handlers = WorkerHandlers(contexts: 2)
        let told = Journal<String>()
        handlers.setContextHandler { told.append("\($0)") }
        func lose(_ context: Int) {
            handlers.tell(.lost(context, DeviceError("crash of \(context)")))
            handlers.exhausted(context)
        }
        lose(0)
        handlers.tell(.restored(0))
        lose(1)
        #expect(!told.entries.contains { $0.hasPrefix("abandoned") })
        lose(0)
        lose(1)
        #expect(told.entries.filter { $0.hasPrefix("abandoned") }.count == 1)
        #expect(told.entries.contains { $0.hasPrefix("abandoned") && $0.contains("context 0: crash of 0") })
        let later = Journal<String>()
        handlers.setContextHandler { later.append("\($0)") }
        #expect(later.entries.count == 3 && later.entries.last?.hasPrefix("abandoned") == true)
    }

    @Test("workers run the program that was chosen, else this one if it is daris, else the one beside it or in PATH")
    func executable() throws {
        let folder = try TemporaryFolder()
        for name in ["a", "b"] {
            try FileManager.default.createDirectory(
                atPath: folder.path + "/" + name, withIntermediateDirectories: true)
        }
        let inPath = folder.path + "/b/daris"
        let beside = folder.path + "/a/daris"
        func find(_ chosen: String? = nil, running: String?) throws -> String {
            try WorkerExecutable.find(chosen, running: running, searchPath: ":relative:\(folder.path)/b")
        }
        func make(_ path: String) {
            _ = FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o755])
        }
        let own = folder.path + "/a/robot"
        let error = #expect(throws: DeviceError.self) { try find(running: own) }
        #expect(error?.description.contains("neither beside this program nor in PATH") == true)
        make(inPath)
        #expect(try find(running: own) == inPath)
        make(beside)
        #expect(try find(running: own) == beside)
        #expect(try find(running: "/usr/bin/daris") == "/proc/self/exe")
        #expect(try find(running: "/usr/bin/daris (deleted)") == "/proc/self/exe")
        #expect(try find(inPath, running: own) == inPath)
        #expect(throws: DeviceError.self) { try find(folder.path + "/none", running: own) }
    }
}
