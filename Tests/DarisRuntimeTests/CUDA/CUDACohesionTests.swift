import DarisCore
import FakeDriver
import Testing

import DarisConfiguration
@testable import DarisRuntime

/// Jobs of a model of five stages whose tensors are read by the next stage and by later ones, driven stage by stage.
@Suite("Jobs that stay together on a lane of a GPU", .timeLimit(.minutes(15)))
struct CUDACohesionTests {
    private let workshop: Workshop

    init() throws { workshop = try Workshop() }

    /// A device, and where its jobs are.
    private final class Drive {
        let gpu: FakeDriver
        let device: CUDADevice
        private let told = Journal<StageEnd>()
        private var launched = 0
        /// By task: its job, its inputs and how many of its stages have run.
        private(set) var jobs: [(id: JobID, x: [Float], io: JobTensors, done: Int)] = []

        init(_ gpu: FakeDriver, _ device: CUDADevice, tasks: Int) {
            (self.gpu, self.device) = (gpu, device)
            let ends = told
            device.setHandler { ends.append($0) }
            for task in 0..<tasks { jobs.append(Self.job(task, 0, device)) }
        }

        private static func job(
            _ task: Int, _ sequence: Int, _ device: CUDADevice
        ) -> (id: JobID, x: [Float], io: JobTensors, done: Int) {
            let x = randomFloats(3, seed: UInt64(sequence * 100 + task)).map { $0 * 8 - 4 }
            let io = JobTensors(inputs: [bytes(x)], outputSizes: device.tensorSizes(of: task).outputs)
            return (JobID(task: task, sequence: sequence), x, io, 0)
        }

        /// The next job of a task, whatever became of the one before.
        func renew(_ task: Int) { jobs[task] = Self.job(task, jobs[task].id.sequence + 1, device) }

        /// Starts the next stage of some tasks' jobs, which all have run as many.
        func start(_ tasks: [Int], on lane: Int) {
            let members = tasks.map { Dispatch.Member(jobs[$0].id, instance: $0) }
            device.launch(
                Dispatch(stage: jobs[tasks[0]].done, lane: lane, job: members[0], with: Array(members.dropFirst())),
                tensors: tasks.map { jobs[$0].io })
            launched += 1
        }

        /// The ends of all that was started since the last call.
        func ends(_ count: Int) async -> [StageEnd] { Array(await told.first(launched).suffix(count)) }

        /// Runs the next stage of some jobs and returns what went wrong. It is over if nothing did.
        @discardableResult
        func run(_ tasks: [Int], on lane: Int) async -> DeviceError? {
            start(tasks, on: lane)
            let error = await ends(1)[0].error
            if error == nil { finishStage(tasks) }
            return error
        }

        func shutDown() async {
            let device = device
            await onThread { device.shutDown() }
        }

        func finishStage(_ tasks: [Int]) { for task in tasks { jobs[task].done += 1 } }

        /// Whether the jobs have the outputs of the whole model.
        func isRight(_ tasks: [Int]) -> Bool {
            tasks.allSatisfy { task in
                jobs[task].done == 5
                    && zip(jobs[task].io.outputs, SmallModels.skipped(jobs[task].x)).allSatisfy { floats($0) == $1 }
            }
        }
    }

    private func drive(
        _ gpu: FakeDriver, tasks: Int = 4, lanes: Int = 2, express: Int = 0, graphs: Bool = true,
        rules: Set<BatchingRule> = Set(BatchingRule.allCases)
    ) async throws -> Drive {
        let workshop = workshop
        let bench = try await onThread {
            try GPUBench(
                workshop, [try workshop.cut(SmallModels.skips, stages: 5)], gpu: gpu,
                tasks: (0..<tasks).map { _ in DeviceTask(model: 0, batch: 1) },
                partition: Partition(contexts: 1, streams: lanes, oversubscription: 1, express: express),
                options: GPUOptions(graphs: graphs), batching: 4, rules: rules)
        }
        return Drive(gpu, bench.device, tasks: tasks)
    }

    @Test(
        "a batch that stays together copies the model's inputs and outputs and nothing else", arguments: [true, false])
    func staysTogether(graphs: Bool) async throws {
        let gpu = try FakeDriver(multiprocessors: 132)
        do {
            let drive = try await drive(gpu, graphs: graphs)
            let before = gpu.kernelCopies
            for _ in 0..<5 { #expect(await drive.run([2, 0, 3, 1], on: 0) == nil) }
            #expect(drive.isRight([0, 1, 2, 3]))
            // x into the lane, b and y out of it. Without cohesion a, b, c and d would also go out, and a, a, b, c, d and x in.
            #expect(gpu.kernelCopies - before == 4 * 3)
            #expect(drive.device.copies == .init(made: 0, leftOut: 4 * 10))
            #expect(
                drive.device.notes == [
                    "40 of 40 copies of tensors between stages were left out, since their jobs went on where they were"
                ])
            await drive.shutDown()
        }
        #expect(await gpu.isClean())
    }

    @Test("without the rule of cohesion a batch leaves nothing in the lane, and still reads what it finds there")
    func withoutTheRule() async throws {
        let gpu = try FakeDriver(multiprocessors: 132)
        do {
            let drive = try await drive(gpu, rules: Set(BatchingRule.allCases).subtracting([.cohesion]))
            let before = gpu.kernelCopies
            for lane in [0, 1, 0, 1, 0] { #expect(await drive.run([0, 1, 2, 3], on: lane) == nil) }
            #expect(drive.isRight([0, 1, 2, 3]) && gpu.kernelCopies - before == 4 * 13)
            #expect(drive.device.copies == .init(made: 4 * 10, leftOut: 0) && drive.device.notes == [])
            for task in 0..<4 { drive.renew(task) }
            for _ in 0..<5 { #expect(await drive.run([0, 1, 2, 3], on: 0) == nil) }
            #expect(drive.isRight([0, 1, 2, 3]) && drive.device.copies == .init(made: 4 * 14, leftOut: 4 * 6))
            await drive.shutDown()
        }
        #expect(await gpu.isClean())
    }

    @Test("a batch that makes way for an HP job is saved, and goes on there or on another lane", arguments: [0, 1])
    func makesWay(lane: Int) async throws {
        let gpu = try FakeDriver(multiprocessors: 132)
        do {
            let drive = try await drive(gpu, tasks: 5)
            for _ in 0..<2 { #expect(await drive.run([0, 1, 2, 3], on: 0) == nil) }
            #expect(await drive.run([4], on: 0) == nil)
            let before = gpu.kernelCopies
            for _ in 0..<3 { #expect(await drive.run([0, 1, 2, 3], on: lane) == nil) }
            #expect(drive.isRight([0, 1, 2, 3]))
            // Back in come b, then a, which no stage has had there since, and x; y goes out.
            #expect(gpu.kernelCopies - before == 4 * 4)
            for _ in 0..<4 { #expect(await drive.run([4], on: 1) == nil) }
            #expect(drive.isRight([4]))
            await drive.shutDown()
        }
        #expect(await gpu.isClean())
    }

    @Test("a batch that loses a member, is split, or comes in another order goes on with the right tensors")
    func changes() async throws {
        let gpu = try FakeDriver(multiprocessors: 132)
        do {
            let drive = try await drive(gpu)
            // One of three lanes' worth of jobs is cancelled; its task's next job starts while the former one's tensors are saved.
            for _ in 0..<2 { #expect(await drive.run([0, 1, 2, 3], on: 0) == nil) }
            drive.renew(3)
            drive.start([3], on: 1)
            drive.start([2, 0], on: 0)
            #expect(await drive.ends(2).allSatisfy { $0.error == nil })
            drive.finishStage([3])
            drive.finishStage([0, 2])
            for _ in 0..<4 { #expect(await drive.run([3], on: 0) == nil) }
            // Two lanes at once, each with one of the two, and the one that waited since.
            drive.start([0], on: 1)
            drive.start([2], on: 0)
            #expect(await drive.ends(2).allSatisfy { $0.error == nil })
            drive.finishStage([0])
            drive.finishStage([2])
            for _ in 0..<3 { #expect(await drive.run([1], on: 1) == nil) }
            #expect(await drive.run([2, 0], on: 1) == nil)
            #expect(drive.isRight([0, 1, 2, 3]))
            // Together again, in another order at each stage.
            for task in 0..<4 { drive.renew(task) }
            for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2], [1, 0, 3, 2], [2, 3, 0, 1]] {
                #expect(await drive.run(order, on: 0) == nil)
            }
            #expect(drive.isRight([0, 1, 2, 3]))
            await drive.shutDown()
        }
        #expect(await gpu.isClean())
    }

    @Test("the jobs of a batch that fails go on one by one from what it has read", arguments: [1, 2, 3, 4])
    func fails(stage: Int) async throws {
        let gpu = try FakeDriver(multiprocessors: 132)
        do {
            let drive = try await drive(gpu)
            for _ in 0..<stage { #expect(await drive.run([0, 1, 2, 3], on: 0) == nil) }
            gpu.fail("cuGraphLaunch", with: 701)
            #expect(await drive.run([0, 1, 2, 3], on: 0)?.description.contains("701") == true)
            for (task, lane) in zip([2, 0, 3, 1], [1, 0, 0, 1]) {
                for _ in stage..<5 { #expect(await drive.run([task], on: lane) == nil) }
            }
            #expect(drive.isRight([0, 1, 2, 3]))
            await drive.shutDown()
        }
        #expect(await gpu.isClean())
    }

    @Test("jobs whose tensors cannot be saved fail with the reason, and theirs alone")
    func saveFails() async throws {
        let gpu = try FakeDriver(multiprocessors: 132)
        do {
            let drive = try await drive(gpu, tasks: 5)
            for _ in 0..<2 { #expect(await drive.run([0, 1], on: 0) == nil) }
            for _ in 0..<2 { #expect(await drive.run([2], on: 1) == nil) }
            // Only a save launches a kernel that is in no graph.
            gpu.fail("cuLaunchKernel", with: 701)
            #expect(await drive.run([4], on: 0) == nil)
            #expect(gpu.failed == "cuLaunchKernel")
            #expect(await drive.run([0, 2], on: 1)?.description.contains("701") == true)
            #expect(await drive.run([1], on: 0)?.description.contains("701") == true)
            for _ in 0..<3 { #expect(await drive.run([2], on: 0) == nil) }
            for _ in 0..<4 { #expect(await drive.run([4], on: 1) == nil) }
            // The next jobs of these tasks are as good as any.
            for task in 0..<2 { drive.renew(task) }
            for _ in 0..<5 { #expect(await drive.run([0, 1], on: 1) == nil) }
            #expect(drive.isRight([0, 1, 2, 4]))
            await drive.shutDown()
        }
        #expect(await gpu.isClean())
    }

    @Test("whatever runs where, in whatever order, every job has the outputs of the whole model", arguments: 0..<12)
    func anyOrder(seed: Int) async throws {
        let gpu = try FakeDriver(multiprocessors: 132)
        var generator = SplitMix64(seed: UInt64(seed))
        func random(_ count: Int) -> Int { Int(generator.next() % UInt64(count)) }
        do {
            // Of some, the last lane is an express lane.
            let (tasks, express) = (8, seed % 3 == 2 ? 1 : 0)
            let lanes = 2 + express
            let drive = try await drive(gpu, tasks: tasks, express: express, graphs: seed % 4 != 3)
            var last = [[Int]](repeating: [], count: lanes)
            var completed = 0
            for _ in 0..<150 {
                var idle = Set(0..<tasks)
                var started: [(tasks: [Int], lane: Int)] = []
                for lane in 0..<lanes where random(5) > 0 {
                    // Most go on as they were, the others with whom they find.
                    var group = last[lane].filter(idle.contains)
                    if group.count != last[lane].count || group.isEmpty || random(3) == 0 {
                        let leader = Array(idle.sorted())[random(idle.count)]
                        var others = idle.filter { $0 != leader && drive.jobs[$0].done == drive.jobs[leader].done }
                            .sorted()
                        others.sort { a, b in (a * 7 + seed) % 5 < (b * 7 + seed) % 5 }
                        let size = [1, 2, 4].filter { $0 <= others.count + 1 }.randomElement(using: &generator) ?? 1
                        group = [leader] + others.prefix(size - 1)
                    }
                    idle.subtract(group)
                    if random(40) == 0 { gpu.fail("cuGraphLaunch", with: 701) }
                    drive.start(group, on: lane)
                    started.append((group, lane))
                    last[lane] = group
                }
                guard !started.isEmpty else { continue }
                for end in await drive.ends(started.count) {
                    guard let group = started.first(where: { $0.lane == end.lane })?.tasks else { continue }
                    if end.error == nil { drive.finishStage(group) } else { last[end.lane] = [] }
                }
                for (lane, group) in last.enumerated() {
                    let over = group.filter { drive.jobs[$0].done == 5 }
                    #expect(drive.isRight(over))
                    completed += over.count
                    for task in over { drive.renew(task) }
                    if !over.isEmpty { last[lane] = [] }
                    // Some are cancelled.
                    if let task = group.first, over.isEmpty, random(12) == 0 { drive.renew(task) }
                    if let first = last[lane].first,
                        last[lane].contains(where: { drive.jobs[$0].done != drive.jobs[first].done })
                    {
                        last[lane] = []
                    }
                }
            }
            #expect(completed > 40 && drive.device.copies.leftOut > 0)
            await drive.shutDown()
        }
        #expect(await gpu.isClean())
    }

    @Test("a run of the scheduler leaves copies out, and every answer is that of the whole model")
    func run() async throws {
        let gpu = try FakeDriver(multiprocessors: 132)
        do {
            let workshop = workshop
            let tasks = (0..<8).map { _ in DeviceTask(model: 0, batch: 1) }
            let bench = try await onThread {
                try GPUBench(
                    workshop, [try workshop.cut(SmallModels.skips, stages: 5)], gpu: gpu, tasks: tasks,
                    priorities: tasks.indices.map { $0 % 4 == 0 ? .high : .low },
                    partition: Partition(contexts: 1, streams: 2, oversubscription: 1), batching: 4)
            }
            let outcome = try await bench.run { executor in
                let answers = Journal<(x: [Float], answer: Result<[[UInt8]], SubmissionError>)>()
                for round in 0..<30 {
                    for task in tasks.indices {
                        let x = randomFloats(3, seed: UInt64(round * 8 + task)).map { $0 * 8 - 4 }
                        try executor.submit(task: task, inputs: [bytes(x)]) { answers.append((x, $0)) }
                    }
                    for (x, answer) in await answers.first((round + 1) * tasks.count).suffix(tasks.count) {
                        if case .failure(.notCompleted(.rejected, _, _)) = answer { continue }
                        #expect(try answer.get().map(floats) == SmallModels.skipped(x))
                    }
                }
            }
            #expect(outcome.summary.jobs.failed == 0 && bench.device.copies.leftOut > 0)
        }
        #expect(await gpu.isClean())
    }
}
