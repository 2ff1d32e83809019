import DarisConfiguration
import DarisCore
import DarisONNX
import Testing

import CUDADriver
import FakeDriver
@testable import DarisRuntime

@Suite("Models on a GPU", .timeLimit(.minutes(15)))
struct CUDADeviceTests {
    private let workshop: Workshop

    init() throws { workshop = try Workshop() }

    @Test("graphs replayed on streams and green contexts compute what the model computes", arguments: [1, 2, 4])
    func computes(stages: Int) async throws {
        for kind in [PartitionKind.streams, .green] {
            let gpu = try FakeDriver(multiprocessors: 132)
            let model = try await onThread { try workshop.cut(SmallModels.chain, stages: stages) }
            do {
                let partition = Partition(
                    contexts: kind == .green ? 3 : 1, streams: 2, oversubscription: kind == .green ? 2 : 1)
                let bench = try await onThread {
                    try GPUBench(
                        workshop, [model], gpu: gpu, tasks: [.init(model: 0, batch: 1), .init(model: 0, batch: 1)],
                        partition: partition, kind: kind)
                }
                #expect(bench.device.laneCount == partition.lanes)
                let captured = gpu.calls(named: "cuGraphInstantiateWithFlags")
                #expect(captured >= stages * partition.lanes)
                let outcome = try await bench.run { executor in
                    try await checkChain(executor)
                    try await checkChain(executor, task: 1)
                }
                #expect(outcome.summary.jobs.completed == 12 && outcome.summary.jobs.failed == 0)
                // Everything was replayed, nothing captured anew.
                #expect(gpu.calls(named: "cuGraphLaunch") == 12 * stages)
                #expect(gpu.calls(named: "cuGraphInstantiateWithFlags") == captured)
                // Two on each lane: HP and LP.
                #expect(!bench.notes.contains { $0.contains("call by call") })
            }
            #expect(await gpu.isClean())
        }
    }

    @Test("several inputs and outputs, an output that a later stage reads, and batches", arguments: [1, 2, 3])
    func severalInputsAndOutputs(stages: Int) async throws {
        let gpu = try FakeDriver(multiprocessors: 132)
        let model = try await onThread { try workshop.cut(SmallModels.twoOutputs, stages: stages) }
        do {
            let bench = try await onThread {
                try GPUBench(workshop, [model], gpu: gpu, tasks: [.init(model: 0, batch: 2)])
            }
            let sizes = bench.device.tensorSizes(of: 0)
            #expect(sizes.inputs == [.bytes(24), .bytes(24)] && sizes.outputs == sizes.inputs)
            let (a, b): ([Float], [Float]) = ([1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1])
            _ = try await bench.run { executor in
                for _ in 0..<3 {
                    let outputs = try await executor.submit(task: 0, inputs: [bytes(a), bytes(b)])
                    #expect(floats(outputs[0]) == [-35, -21, -7, 7, 21, 35])
                    #expect(floats(outputs[1]) == [7, 7, 7, 7, 7, 7])
                }
            }
        }
        #expect(await gpu.isClean())
    }

    @Test("execution times are the device's own, and the gap between two stages of a lane is measured")
    func times() async throws {
        let gpu = try FakeDriver(multiprocessors: 132)
        let model = try await onThread { try workshop.cut(SmallModels.chain, stages: 4) }
        let bench = try await onThread {
            try GPUBench(
                workshop, [model], gpu: gpu, partition: Partition(contexts: 1, streams: 1, oversubscription: 1))
        }
        let ends = Journal<StageEnd>()
        bench.device.setHandler { end in
            ends.append(end)
            if end.stage < 3 { bench.device.launch(end.job, stage: end.stage + 1, lane: 0, io: nil) }
        }
        bench.device.launch(JobID(task: 0, sequence: 0), stage: 0, lane: 0, io: nil)
        let all = await ends.first(4)
        #expect(all.map(\.stage) == [0, 1, 2, 3])
        #expect(all.allSatisfy { $0.error == nil && $0.executionTime > .zero })
        #expect(all.map { $0.handover != nil } == [false, true, true, true])
        await onThread { bench.device.shutDown() }
    }

    @Test("a lane that was idle while another one ran has no hand-over")
    func idleLane() async throws {
        let gpu = try FakeDriver(multiprocessors: 132)
        let model = try await onThread { try workshop.cut(SmallModels.chain, stages: 4) }
        let bench = try await onThread {
            try GPUBench(
                workshop, [model], gpu: gpu, partition: Partition(contexts: 1, streams: 2, oversubscription: 1))
        }
        let ends = Journal<StageEnd>()
        let lanes = [1, 0, 1, 1]
        bench.device.setHandler { end in
            ends.append(end)
            if end.stage < 3 {
                bench.device.launch(end.job, stage: end.stage + 1, lane: lanes[end.stage + 1], io: nil)
            }
        }
        bench.device.launch(JobID(task: 0, sequence: 0), stage: 0, lane: lanes[0], io: nil)
        let all = await ends.first(4)
        #expect(all.map(\.lane) == lanes && all.allSatisfy { $0.error == nil })
        #expect(all.map { $0.handover != nil } == [false, false, false, true])
        await onThread { bench.device.shutDown() }
    }

    @Test("shapes at a large batch are worked out as a run would find them")
    func largeBatch() async throws {
        let (workshop, environment) = (workshop, workshop.environment)
        try await onThread {
            let model = try workshop.cut(SmallModels.twoOutputs, stages: 3)
            let task = DeviceTask(model: 0, batch: 12)
            let shapes = try GPUSetup.shapes(of: [task], models: [model], environment: environment, progress: { _ in })
            let sessions = try CPUStageLoader(environment: environment, coreSets: [[0]]).sessions(model).map { $0[0] }
            let found = try TensorShapes.discover(model, stages: sessions, batch: 12)
            #expect(shapes[task] == found && found.made.allSatisfy { $0.value.shape[0] == 12 })
            #expect(shapes.keys.map(\.batch).sorted() == [1, 2, 12])
        }
    }

    @Test("jobs that run together compute what each computes alone", arguments: [1, 3])
    func batches(stages: Int) async throws {
        let gpu = try FakeDriver(multiprocessors: 132)
        let model = try await onThread { try workshop.cut(SmallModels.twoOutputs, stages: stages) }
        let tasks = (0..<9).map { _ in DeviceTask(model: 0, batch: 2) }
        do {
            let bench = try await onThread {
                try GPUBench(
                    workshop, [model], gpu: gpu, tasks: tasks,
                    partition: Partition(contexts: 1, streams: 1, oversubscription: 1), batching: 8)
            }
            #expect(bench.device.batchSizes(of: 0) == [2, 4, 8])
            // Measured as preparation measures them, while no run goes on.
            let afet = await onThread {
                Result {
                    try LoadProfiler(device: bench.device, stageCounts: tasks.map { _ in stages }, seed: 1)
                        .afet(of: 0, with: [1, 2, 3])
                }
            }
            #expect(try afet.get().count == stages && afet.get().allSatisfy { $0 > .zero })
            let outcome = try await bench.run { executor in
                let answers = Journal<(a: [Float], b: [Float], answer: Result<[[UInt8]], SubmissionError>)>()
                for round in 0..<20 {
                    for task in tasks.indices {
                        let a = (0..<6).map { Float($0 + task + round) }
                        let b = (0..<6).map { Float(6 - $0) * Float(task) }
                        try executor.submit(task: task, inputs: [bytes(a), bytes(b)]) { answers.append((a, b, $0)) }
                    }
                    for (a, b, answer) in await answers.first((round + 1) * tasks.count).suffix(tasks.count) {
                        let outputs = try answer.get()
                        #expect(floats(outputs[0]) == zip(a, b).map { ($0 + $1) * ($0 - $1) })
                        #expect(floats(outputs[1]) == zip(a, b).map { $0 + $1 })
                    }
                }
            }
            #expect(outcome.summary.jobs.failed == 0 && outcome.summary.jobs.completed == 20 * tasks.count)
            #expect((outcome.summary.batching?.batches ?? 0) > 0)
        }
        #expect(await gpu.isClean())
    }

    @Test("a batch that fails is run again job by job, so that nobody suffers for another")
    func failedBatch() async throws {
        let gpu = try FakeDriver(multiprocessors: 132)
        let model = try await onThread { try workshop.cut(SmallModels.chain, stages: 1) }
        let tasks = (0..<5).map { _ in DeviceTask(model: 0, batch: 1) }
        do {
            let bench = try await onThread {
                try GPUBench(
                    workshop, [model], gpu: gpu, tasks: tasks,
                    partition: Partition(contexts: 1, streams: 1, oversubscription: 1), batching: 4)
            }
            // The first launch is of one job, the second of the four that came meanwhile.
            gpu.setManual()
            gpu.fail("cuGraphLaunch", 2, with: 700)
            let outcome = try await bench.run { executor in
                let answers = Journal<Result<[[UInt8]], SubmissionError>>()
                for task in tasks.indices {
                    try executor.submit(task: task, inputs: [bytes([Float(task), -2, 0.5])]) { answers.append($0) }
                }
                gpu.setManual(false)
                for answer in await answers.first(5) { #expect((try? answer.get()) != nil) }
            }
            #expect(gpu.failed == "cuGraphLaunch")
            #expect(outcome.summary.jobs.completed == 5 && outcome.summary.jobs.failed == 0)
        }
        #expect(await gpu.isClean())
    }

    @Test("inputs and outputs may lie in somebody else's memory, as in a worker process")
    func sharedMemory() async throws {
        let gpu = try FakeDriver(multiprocessors: 132)
        let model = try await onThread { try workshop.cut(SmallModels.chain, stages: 2) }
        let (x, y) = (
            UnsafeMutableRawBufferPointer.allocate(byteCount: 12, alignment: 64),
            UnsafeMutableRawBufferPointer.allocate(byteCount: 12, alignment: 64)
        )
        defer {
            x.deallocate()
            y.deallocate()
        }
        nonisolated(unsafe) let places = [["x": x, "y": y]]
        let setup = GPUSetup(
            index: 0, name: "cuda", partition: Partition(contexts: 1, streams: 1, oversubscription: 1), kind: .streams,
            options: GPUOptions(), priorities: [.high], seed: 1, fifoPriority: 0)
        do {
            let workshop = workshop
            let device = try await onThread {
                let tasks = [DeviceTask(model: 0, batch: 1)]
                let shapes = try GPUSetup.shapes(
                    of: tasks, models: [model], environment: workshop.environment, progress: { _ in })
                return try setup.load(
                    tasks, models: [model], shapes: shapes, engine: HostEngine(workshop.environment), driver: gpu.path,
                    places: places, library: workshop.environment.library, progress: { _ in }
                ).device
            }
            let ends = Journal<StageEnd>()
            device.setHandler { ends.append($0) }
            for job in 0..<3 {
                // The first job runs on what the device has put there.
                if job > 0 { x.copyBytes(from: bytes([Float(job), -2, 0.5])) }
                for stage in 0..<2 {
                    device.launch(JobID(task: 0, sequence: job), stage: stage, lane: 0, io: nil)
                    let end = await ends.first(job * 2 + stage + 1)[job * 2 + stage]
                    #expect(end.error == nil)
                }
                let (input, output) = (floats(Array(x)), floats(Array(y)))
                #expect(output == input.map { (max(0, $0) + 1) * 2 - 3 })
            }
            await onThread { device.shutDown() }
        }
        #expect(await gpu.isClean())
    }

    @Test("a stage that cannot be captured is launched call by call, with a note, and computes the same")
    func eager() async throws {
        let model = try await onThread { try workshop.cut(SmallModels.chain, stages: 2) }
        for how in ["switched off", "host functions", "capture fails"] {
            let gpu = try FakeDriver(multiprocessors: 132)
            if how == "capture fails" { gpu.fail("cuStreamEndCapture", 1, with: 901) }
            do {
                let bench = try await onThread {
                    try GPUBench(
                        workshop, [model], gpu: gpu, options: GPUOptions(graphs: how != "switched off"),
                        engine: HostEngine(
                            workshop.environment, hostFunctions: how == "host functions" ? .releases : .work))
                }
                let notes = bench.notes.filter { $0.contains("is launched call by call, not as a graph: ") }
                #expect(notes.count == (how == "switched off" ? 0 : how == "capture fails" ? 1 : 2), "\(how) \(notes)")
                let outcome = try await bench.run { try await checkChain($0) }
                #expect(outcome.summary.jobs.completed == 6)
            }
            #expect(await gpu.isClean(), "\(how)")
        }
    }

    @Test("stages stay loaded while their graphs are replayed, since the graphs work in their memory")
    func lifetime() async throws {
        let gpu = try FakeDriver(multiprocessors: 132)
        let model = try await onThread { try workshop.cut(SmallModels.chain, stages: 2) }
        let engine = HostEngine(workshop.environment)
        do {
            let bench = try await onThread { try GPUBench(workshop, [model], gpu: gpu, engine: engine) }
            #expect(engine.loaded.count.load(ordering: .relaxed) == 4)
            _ = try await bench.run { try await checkChain($0) }
            #expect(engine.loaded.count.load(ordering: .relaxed) == 4)
        }
        #expect(await gpu.isClean())
        #expect(engine.loaded.count.load(ordering: .relaxed) == 0)
    }

    @Test(
        "an express lane has the models of HP tasks alone, and runs an HP job over an LP stage with the right answers")
    func express() async throws {
        let gpu = try FakeDriver(multiprocessors: 132)
        let (high, low) = try await onThread {
            (try workshop.cut(SmallModels.chain, stages: 2), try workshop.cut(SmallModels.twoOutputs, stages: 1))
        }
        let engine = HostEngine(workshop.environment)
        do {
            let partition = Partition(contexts: 2, streams: 1, oversubscription: 1, express: 1)
            let bench = try await onThread {
                try GPUBench(
                    workshop, [high, low], gpu: gpu, tasks: [.init(model: 0, batch: 1), .init(model: 1, batch: 1)],
                    priorities: [.high, .low], partition: partition, kind: .green, engine: engine)
            }
            #expect(bench.device.laneCount == 4 && bench.device.ordinaryLanes == [0, 2])
            // Two stages of the one on four lanes, one of the other on two.
            #expect(engine.loaded.count.load(ordering: .relaxed) == 2 * 4 + 1 * 2)
            let ends = Journal<StageEnd>()
            bench.device.setHandler { ends.append($0) }
            bench.device.launch(
                Dispatch(stage: 0, lane: 0, job: .init(JobID(task: 1, sequence: 0), instance: 1)), tensors: [])
            bench.device.launch(
                Dispatch(stage: 0, lane: 1, job: .init(JobID(task: 0, sequence: 0), instance: 0)), tensors: [])
            let both = await ends.first(2)
            #expect(Set(both.map(\.lane)) == [0, 1] && both.allSatisfy { $0.error == nil })
            let outcome = try await bench.run { try await checkChain($0) }
            #expect(outcome.summary.jobs.failed == 0)
        }
        #expect(await gpu.isClean())
    }

    @Test("green contexts are windows of SM groups, disjoint or overlapping, and rounding is told")
    func greenWindows() async throws {
        let model = try await onThread { try workshop.cut(SmallModels.chain, stages: 1) }
        func bench(_ contexts: Int, _ oversubscription: Double) async throws -> GPUBench {
            let gpu = try FakeDriver(multiprocessors: 132)
            return try await onThread {
                try GPUBench(
                    workshop, [model], gpu: gpu,
                    partition: Partition(contexts: contexts, streams: 1, oversubscription: oversubscription),
                    kind: .green)
            }
        }
        let disjoint = try await bench(4, 1)
        #expect(disjoint.units.map(\.count) == [32, 32, 32, 32])
        #expect(Set(disjoint.units.joined()).count == 128)
        #expect(
            disjoint.notes == [
                "each context has 32 SMs instead of 33, since they come in groups of 8",
                "4 of 132 SMs are in no group of 8 and stay idle",
            ])
        let overlapping = try await bench(4, 2)
        #expect(overlapping.units.map(\.count) == [64, 64, 64, 64])
        #expect(overlapping.units[0] != overlapping.units[1])
        #expect(Set(overlapping.units[0]).intersection(overlapping.units[1]).count == 32)
        await onThread {
            disjoint.device.shutDown()
            overlapping.device.shutDown()
        }
    }

    @Test("what does not fit into the memory is refused with the bill before anything is loaded")
    func memory() async throws {
        let gpu = try FakeDriver(multiprocessors: 132, memoryBytes: 1 << 10)
        let model = try await onThread { try workshop.cut(SmallModels.wide, stages: 1) }
        let error = await #expect(throws: PreparationError.self) {
            try await onThread { _ = try GPUBench(workshop, [model], gpu: gpu) }
        }
        #expect(error?.description.contains("device cuda: the task set needs ") == true, "\(error.debugDescription)")
        #expect(gpu.calls(named: "cuMemAlloc") == 0 && gpu.live() == 0)
    }

    @Test("periodic tasks on all lanes run without a rule of CUDA broken")
    func underLoad() async throws {
        let gpu = try FakeDriver(multiprocessors: 132)
        let model = try await onThread { try workshop.cut(SmallModels.chain, stages: 3) }
        do {
            let tasks = (0..<12).map { _ in DeviceTask(model: 0, batch: 1) }
            let bench = try await onThread {
                try GPUBench(
                    workshop, [model], gpu: gpu, tasks: tasks,
                    priorities: tasks.indices.map { $0 % 3 == 0 ? .high : .low },
                    partition: Partition(contexts: 2, streams: 2, oversubscription: 2), kind: .green,
                    arrivals: tasks.map { _ in .clock(.every(.milliseconds(2))) })
            }
            let outcome = try await bench.run { executor in
                while executor.snapshot().hp.counts.completed + executor.snapshot().lp.counts.completed < 100 {
                    await Task.yield()
                }
            }
            #expect(outcome.summary.jobs.failed == 0 && outcome.summary.jobs.inFlight == 0)
            #expect(outcome.summary.jobs.completed >= 100 && outcome.summary.jobs.isBalanced)
        }
        #expect(await gpu.isClean())
    }
}
