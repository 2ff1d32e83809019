import CUDADriver
import DarisConfiguration
import DarisCore

extension LoadedDevice {
    /// The contexts of a GPU as worker processes: under an MPS daemon of our own, which bounds the SMs of each, or a single
    /// one without.
    ///
    /// - Parameter library: ONNX Runtime's file.
    static func gpuWorkers(
        _ index: Int, _ taskSet: TaskSet, tasks: [DeviceTask], models: [StagedModel], library: String,
        fifoPriority: Int, options: Preparation.Options
    ) throws(PreparationError) -> LoadedDevice {
        let kind = gpuKind(taskSet)
        let partition = taskSet.partition
        guard kind != .green else {
            throw .device(
                name: taskSet.device,
                reason:
                    "green contexts are parts of one process; for a process each use 'partition: {kind: mps}', or leave "
                    + "'isolation' out")
        }
        let path: String
        let facts: CUDADeviceFacts
        do throws(DeviceError) {
            path = try WorkerExecutable.find(options.workerExecutable)
        } catch {
            throw .device(name: taskSet.device, reason: error.description)
        }
        do throws(CUDAError) {
            facts = try GPUSetup.openDriver(nil, lanes: partition.streams).facts(ofDevice: index)
        } catch {
            throw .device(name: taskSet.device, reason: error.description)
        }
        let daemon = kind == .mps ? try MPSDaemon(gpu: index, uuid: facts.uuid) : nil
        let percentage = MPSDaemon.percentage(partition, multiprocessors: facts.multiprocessorCount)
        let setup = GPUSetup(
            index: daemon?.clientGPU ?? index, name: taskSet.device,
            partition: Partition(contexts: 1, streams: partition.streams, oversubscription: 1), kind: .streams,
            options: taskSet.gpu, priorities: taskSet.instancePriorities, seed: taskSet.run.seed,
            fifoPriority: fifoPriority, isUnderMPS: daemon != nil)
        let plans = (0..<partition.contexts).map { context in
            WorkerDevice.ContextPlan(
                specification: WorkerSpecification(
                    context: context, device: .gpu(setup), streams: partition.streams, tasks: tasks, models: models,
                    seed: taskSet.run.seed, fifoPriority: fifoPriority, locksMemory: options.realTime, library: library),
                environment: daemon?.environment(percentage: percentage) ?? [:])
        }
        options.progress("starting \(plans.count) worker process\(plans.count == 1 ? "" : "es")")
        let device = try WorkerDevice(
            plans, program: path, whenEnded: { daemon?.stop() }, startLimit: options.workerStart,
            progress: options.progress)
        return LoadedDevice(
            device: .workers(device), name: "\(facts.name) (GPU \(index))", unitName: "SMs",
            units: facts.multiprocessorCount, kind: kind, contextUnits: plans.map { _ in [] },
            quota: partition.quota(units: facts.multiprocessorCount, granularity: 2),
            fingerprint: "\(facts.name) \(partition) \(kind) \(taskSet.gpu) in processes",
            shapes: device.shapes)
    }
}
