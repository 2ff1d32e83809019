import CDarisSystem
import DarisCore
import ONNXRuntime
import Synchronization

/// The CPU as a device: a context is a set of cores, its streams are lanes that share them.
///
/// A lane's stage runs on as many threads as its context has cores. With one core a stage runs on the lane's own thread,
/// and one session a stage serves every lane; with more, each set of cores has sessions of its own, whose pool threads are
/// tied to those cores and sleep while they have nothing to do.
///
/// With express lanes, LP stages make way: they run on threads, and with pool threads, of SCHED_IDLE, which the system stops
/// whenever a thread of usual priority wants the core, and which keep about 0.3 % of it (a weight of 3 beside 1,024).
package final class CPUDevice: Device {
    /// How many lanes there are, context by context.
    package let laneCount: Int
    /// The cores of each context.
    package let coreSets: [[Int]]

    /// Of each different task.
    let shapes: [DeviceTask: TensorShapes]
    /// What an instance of a task runs on.
    struct Instance: Sendable {
        let tensors: TaskTensors
        let makesWay: Bool
    }

    /// Of all instances of all tasks, those of spare places last; `nil` where a place is empty.
    let instances: Mutex<ContiguousArray<Instance?>>
    let lanes: [CPULane]
    /// What ends the runs of each lane.
    let switches: [RunSwitch]
    let environment: Environment
    private let handler = Handler()
    let partition: Partition
    private let isMakingWay = Atomic<Bool>(true)
    /// Where the tensors are not the device's own; kept because it owns them.
    let hosting: Hosting?

    /// Whom to tell of ends. Set while no stage runs, read by lanes that were launched afterwards.
    private final class Handler: @unchecked Sendable {
        var call: @Sendable (StageEnd) -> Void = { _ in }
    }

    /// Loads the models' stages, gives each task tensors of its own, runs each task once to warm up, and starts the lanes.
    ///
    /// - Parameters:
    ///   - tasks: what runs, by task index.
    ///   - models: the models the tasks name.
    ///   - partition: contexts and streams; the cores are shared out by its quota formula with M = cores.
    ///   - makesWay: by task, whether its stages make way for others on their cores; empty for none.
    ///   - processors: the cores that may be used.
    ///   - fifoPriority: a SCHED_FIFO priority for the lanes of stages that do not make way, or 0.
    ///   - seed: of the tensors that periodic jobs run on.
    package convenience init(
        tasks: [DeviceTask], makesWay: [Bool] = [], models: [StagedModel], partition: Partition, processors: [Int],
        environment: Environment, fifoPriority: Int = 0, seed: UInt64 = 1, progress: StepHandler = { _ in }
    ) throws(PreparationError) {
        try self.init(
            tasks: tasks, makesWay: makesWay, models: models, partition: partition, processors: processors,
            environment: environment, fifoPriority: fifoPriority, seed: seed, progress: progress, hosting: nil)
    }

    /// The same, in a worker process if `hosting` is given: then there are no threads, and a stage runs on the thread that
    /// launches it.
    ///
    /// - Parameter spare: instances for which models may come later.
    init(
        tasks: [DeviceTask], makesWay: [Bool], spare: Int = 0, models: [StagedModel], partition: Partition,
        processors: [Int], environment: Environment, fifoPriority: Int = 0, seed: UInt64, progress: StepHandler,
        hosting: Hosting?
    ) throws(PreparationError) {
        let coreSets = CoreSets.sets(partition, processors: processors)
        let loader = CPUStageLoader(environment: environment, coreSets: coreSets)
        var loaded: [ModelSessions] = []
        for (index, model) in models.enumerated() {
            progress("loading \(model.name)")
            let users = tasks.indices.filter { tasks[$0].model == index }.map {
                makesWay.isEmpty ? false : makesWay[$0]
            }
            loaded.append(try loader.sessions(model, makingWay: Set(users)))
        }
        var shapes = hosting?.shapes ?? [:]
        for task in tasks where shapes[task] == nil {
            progress("inspecting \(models[task.model].name)")
            shapes[task] = try TensorShapes.discover(
                models[task.model], stages: loaded[task.model].any.map { $0[0] }, batch: task.batch)
        }
        for task in Set(tasks) {
            guard let tensors = shapes[task].map({ $0.inputs + $0.made.values }),
                let problem = MachineMemory.own.problem(with: tensors)
            else { continue }
            throw .unsupported(name: models[task.model].name, reason: "its tensors take \(problem)")
        }
        let tensors = tasks.flatMap { task in shapes[task].map { $0.inputs + $0.made.values } ?? [] }
        if let problem = MachineMemory.own.problem(with: tensors) {
            throw .device(
                name: Self.kind.name,
                reason: "the tensors of \(tasks.count) tasks take \(problem); use fewer tasks or a smaller batch")
        }
        let places = try hosting?.place(tasks, models, shapes)
        var taskTensors: [TaskTensors] = []
        var warm: Set<DeviceTask> = []
        for (index, task) in tasks.enumerated() {
            if index % 8 == 0 { progress("preparing tasks, \(index) of \(tasks.count)") }
            let sessions = loaded[task.model].sessions(makingWay: !makesWay.isEmpty && makesWay[index])
            let (model, known) = (models[task.model], shapes[task]!)
            let isFirst = warm.insert(task).inserted
            taskTensors.append(
                try runtime(model.name) { () throws(ONNXRuntimeError) in
                    try TaskTensors(
                        model, shapes: known, sessions: sessions, seed: seed &+ UInt64(index),
                        places: places?[index] ?? [:], warmsUp: isFirst || hosting?.isRestart != true)
                })
        }
        do {
            var switches: [RunSwitch] = []
            for _ in 0..<partition.laneCount { switches.append(try RunSwitch(library: environment.library)) }
            self.switches = switches
        } catch {
            throw .noRuntime(error)
        }
        self.coreSets = coreSets
        self.shapes = shapes
        let prepared = taskTensors.indices.map {
            Instance(tensors: taskTensors[$0], makesWay: !makesWay.isEmpty && makesWay[$0])
        }
        instances = Mutex(ContiguousArray(prepared + Array(repeating: nil, count: spare)))
        self.environment = environment
        self.partition = partition
        let hasLow = partition.express > 0 && (makesWay.contains(true) || spare > 0)
        laneCount = partition.laneCount
        self.hosting = hosting
        lanes = hosting == nil ? (0..<partition.laneCount).map(CPULane.init) : []
        let (switches, handler) = (switches, handler)
        for (index, lane) in lanes.enumerated() {
            do throws(DeviceError) {
                try lane.start(
                    .init(
                        name: "daris-\(partition.context(of: index)).\(partition.place(of: index))",
                        processors: coreSets[partition.context(of: index)], fifoPriority: fifoPriority),
                    hasLow: hasLow && !partition.isExpress(index),
                    run: { work, lane in
                        guard let tensors = work.tensors else { return nil }
                        return tensors.run(
                            stage: work.stage, context: partition.context(of: lane), io: work.io,
                            options: switches[lane].begin())
                    },
                    tell: { handler.call($0) })
            } catch {
                throw .device(name: Self.kind.name, reason: error.description)
            }
        }
    }

    /// The cores of a context.
    package func processors(of context: Int) -> [Int] { coreSets[context] }

    /// The lanes that are not express lanes.
    package var ordinaryLanes: [Int] { (0..<laneCount).filter { !partition.isExpress($0) } }

    /// What the bytes of each input and output of a task's model must be, in the order of its graph.
    package func tensorSizes(of task: Int) -> (inputs: [TensorSize], outputs: [TensorSize]) {
        instance(task)?.tensors.sizes ?? ([], [])
    }

    private func instance(_ index: Int) -> Instance? { instances.withLock { $0[index] } }

    /// Says whom to tell of the ends of stages, while none runs; takes `terminateRunningStages` back.
    package func setHandler(_ handler: @escaping @Sendable (StageEnd) -> Void) {
        self.handler.call = handler
        for one in switches { one.resume() }
    }

    /// Whether LP stages make way for HP.
    package func setMakingWay(_ isOn: Bool) { isMakingWay.store(isOn, ordering: .relaxed) }

    /// Wakes a lane that has been handed a stage.
    package func wake(lane: Int) { if hosting == nil { lanes[lane].start() } }

    /// Hands a stage to an idle lane; in a worker process, runs it.
    package func hand(_ dispatch: Dispatch, tensors: [JobTensors?]) {
        let (job, instance) = (dispatch.jobs[0], dispatch.jobs.instance(at: 0))
        let (stage, lane, io) = (dispatch.stage, dispatch.lane, tensors.first ?? nil)
        guard let own = self.instance(instance) else {
            preconditionFailure("instance \(instance) has no model, but a job")
        }
        guard hosting != nil else {
            return lanes[lane].hand(
                .init(
                    job: job, instance: instance, tensors: own.tensors, stage: stage, io: io,
                    makesWay: own.makesWay && isMakingWay.load(ordering: .relaxed)))
        }
        let start = daris_monotonic_nanoseconds()
        let error = own.tensors.run(
            stage: stage, context: partition.context(of: lane), io: io, options: switches[lane].begin())
        handler.call(
            StageEnd(
                lane: lane, job: job, stage: stage,
                executionTime: Nanoseconds(daris_monotonic_nanoseconds() - start), error: error))
    }

    /// Asks ONNX Runtime to end runs between two operators, with an error.
    package func terminateRunningStages() { for one in switches { one.endAll() } }

    /// Asks it for the run of one lane; not of a worker process.
    package func terminate(lane: Int) -> Bool {
        guard hosting == nil else { return false }
        switches[lane].endCurrent()
        return true
    }

    /// Ends the lanes' threads and waits for them; no stage is running.
    package func shutDown() {
        for lane in lanes { lane.stop() }
    }

    // Not `shutDown`, which waits: a lane may hang, or be the one that lets go of the device.
    deinit {
        for lane in lanes { lane.end() }
    }
}
