import CUDADriver
import DarisCore

extension CUDADevice {
    /// Loads the models into worker processes, one a context: under an MPS daemon of our own, which bounds the SMs of each,
    /// or a single one without.
    static func loadWorkers(_ request: LoadRequest) throws(PreparationError) -> LoadedDevice {
        let (taskSet, partition) = (request.taskSet, request.partition)
        let (index, kind) = (index(of: taskSet), partitionKind(taskSet))
        guard kind != .green else {
            throw .device(
                name: taskSet.device,
                reason:
                    "green contexts are parts of one process; for a process each use 'partition: {kind: mps}', or leave "
                    + "'isolation' out")
        }
        let program = try request.workerProgram()
        let facts: CUDADeviceFacts
        do throws(CUDAError) {
            facts = try GPUSetup.openDriver(nil, lanes: partition.lanesPerContext).facts(ofDevice: index)
        } catch {
            throw .device(name: taskSet.device, reason: error.description)
        }
        let daemon = kind == .mps ? try MPSDaemon(gpu: index, uuid: facts.uuid) : nil
        let percentage = MPSDaemon.percentage(partition, multiprocessors: facts.multiprocessorCount)
        let setup = GPUSetup(
            index: daemon?.clientGPU ?? index, name: taskSet.device,
            partition: Partition(
                contexts: 1, streams: partition.streams, oversubscription: 1, express: partition.express),
            kind: .streams,
            options: taskSet.gpu, cachePath: request.cache.path, priorities: taskSet.instancePriorities,
            seed: taskSet.run.seed,
            fifoPriority: request.fifoPriority, isUnderMPS: daemon != nil)
        let held = try WorkerSpecification.Held(Self.kind, setup)
        let plans = (0..<partition.contexts).map { context in
            WorkerDevice.ContextPlan(
                specification: WorkerSpecification(context: context, device: held, request),
                environment: daemon?.environment(percentage: percentage) ?? [:])
        }
        request.options.progress("starting \(plans.count) worker process\(plans.count == 1 ? "" : "es")")
        let meter = EnergyMeter(busID: facts.busID)
        let device = try WorkerDevice(
            plans, program: program, meter: { meter.reading }, whenEnded: { daemon?.stop() },
            startLimit: request.options.workerStart,
            progress: request.options.progress)
        return LoadedDevice(
            device: MachineDevice(device), name: "\(facts.name) (GPU \(index))", unitName: "SMs",
            units: facts.multiprocessorCount, kind: kind, contextUnits: plans.map { _ in [] },
            quota: partition.quota(units: facts.multiprocessorCount, granularity: 2),
            fingerprint: "\(facts.name) \(partition) \(kind) \(taskSet.gpu) in processes",
            shapes: device.shapes)
    }

    static func loadPart(
        _ specification: WorkerSpecification, hosting: Hosting, progress: @escaping StepHandler
    ) throws(PreparationError) -> WorkerPart {
        let setup = try specification.device.setup(as: GPUSetup.self)
        let environment = try specification.openEnvironment()
        let engine = try ONNXRuntimeEngine(
            environment: environment, gpu: setup.index, options: setup.options,
            cache: CacheFolder(path: setup.cachePath))
        let shapes = try GPUSetup.shapes(
            of: specification.tasks, models: specification.models, known: hosting.shapes, environment: environment,
            progress: progress)
        let places = try hosting.place(specification.tasks, specification.models, shapes)
        let loaded = try setup.load(
            specification.tasks, models: specification.models, shapes: shapes, engine: engine, driver: nil,
            places: places, library: environment.library, progress: progress)
        let (device, context) = (loaded.device, loaded.context)
        // Under MPS a fault of another worker is this one's too, but an idle one learns of it only where it asks.
        return WorkerPart(
            device: device, processors: SystemRights.allowedProcessors(),
            check: { () throws(DeviceError) in try device.checkContext() }, settle: { settle(context) })
    }

    /// Waits a moment for work in flight: a process that ends in the midst of it can disturb others under MPS.
    private static func settle(_ context: CUDAContext) {
        let isSettled = Semaphore()
        let thread = try? DedicatedThread(.init(name: "daris-settle")) {
            try? context.synchronize()
            isSettled.post()
        }
        guard thread != nil else { return }
        _ = isSettled.wait(seconds: WorkerLimits.settling.inSeconds)
    }
}
