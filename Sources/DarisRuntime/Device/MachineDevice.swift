import DarisCore

/// The devices of this machine that a task set may name, as one type: an executor is made for it once, and a call costs a
/// switch.
package enum MachineDevice: Device {
    /// The CPU, in this process.
    case cpu(CPUDevice)
    /// An NVIDIA GPU, in this process.
    case cuda(CUDADevice)
    /// Either of them, each context in a worker process.
    case workers(WorkerDevice)

    /// How many lanes there are.
    package var laneCount: Int {
        switch self {
        case .cpu(let device): device.laneCount
        case .cuda(let device): device.laneCount
        case .workers(let device): device.laneCount
        }
    }

    /// What the bytes of each input and output of a task's model must be.
    package func tensorSizes(of task: Int) -> (inputs: [TensorSize], outputs: [TensorSize]) {
        switch self {
        case .cpu(let device): device.tensorSizes(of: task)
        case .cuda(let device): device.tensorSizes(of: task)
        case .workers(let device): device.tensorSizes(of: task)
        }
    }

    /// Says whom to tell of the ends of stages.
    package func setHandler(_ handler: @escaping @Sendable (StageEnd) -> Void) {
        switch self {
        case .cpu(let device): device.setHandler(handler)
        case .cuda(let device): device.setHandler(handler)
        case .workers(let device): device.setHandler(handler)
        }
    }

    /// Says whom to tell of contexts that are lost and come back.
    package func setContextHandler(_ handler: @escaping @Sendable (ContextChange) -> Void) {
        switch self {
        case .cpu(let device): device.setContextHandler(handler)
        case .cuda(let device): device.setContextHandler(handler)
        case .workers(let device): device.setContextHandler(handler)
        }
    }

    /// How many jobs can run a stage together with one of a task.
    package func batchSizes(of task: Int) -> [Int] {
        switch self {
        case .cpu(let device): device.batchSizes(of: task)
        case .cuda(let device): device.batchSizes(of: task)
        case .workers(let device): device.batchSizes(of: task)
        }
    }

    /// Starts a stage of one or more jobs on an idle lane.
    package func launch(_ dispatch: Dispatch, tensors: [JobTensors?]) {
        switch self {
        case .cpu(let device): device.launch(dispatch, tensors: tensors)
        case .cuda(let device): device.launch(dispatch, tensors: tensors)
        case .workers(let device): device.launch(dispatch, tensors: tensors)
        }
    }

    /// Makes running stages end early with an error, where the device can.
    package func terminateRunningStages() {
        switch self {
        case .cpu(let device): device.terminateRunningStages()
        case .cuda(let device): device.terminateRunningStages()
        case .workers(let device): device.terminateRunningStages()
        }
    }

    /// Ends all threads; no stage is running.
    package func shutDown() {
        switch self {
        case .cpu(let device): device.shutDown()
        case .cuda(let device): device.shutDown()
        case .workers(let device): device.shutDown()
        }
    }

    /// Whether `shutDown` ends even a stage that hangs: a process can be killed, a thread cannot.
    package var canShutDownWhileHanging: Bool {
        switch self {
        case .cpu, .cuda: false
        case .workers: true
        }
    }

    /// What became of the device on the way, in words, where that is worth a line.
    package var notes: [String] {
        switch self {
        case .cpu, .cuda: []
        case .workers(let device): device.notes
        }
    }
}
