import DarisCore
import Synchronization

/// One job on the first lane of a device on which nothing else runs.
final class OneJob<D: Device>: Sendable {
    private let device: D
    private let job: JobID
    private let stages: Int
    private let tensors: JobTensors
    private let error = Mutex<DeviceError?>(nil)
    private let done = Semaphore()

    init(device: D, task: Int, stages: Int, inputs: [[UInt8]]) {
        self.device = device
        job = JobID(task: task, sequence: 0)
        self.stages = stages
        tensors = JobTensors(inputs: inputs, outputSizes: device.tensorSizes(of: task).outputs)
    }

    /// Its outputs, in the order of the model's graph. Call it once.
    func run() throws(DeviceError) -> [[UInt8]] {
        device.setHandler { self.ended($0) }
        launch(stage: 0)
        done.wait()
        device.setHandler { _ in }
        if let error = error.withLock({ $0 }) { throw error }
        return tensors.outputs
    }

    private func launch(stage: Int) { device.launch(job, stage: stage, lane: 0, io: tensors) }

    private func ended(_ end: StageEnd) {
        if let failure = end.error { error.withLock { $0 = failure } }
        if end.error == nil, end.stage + 1 < stages {
            launch(stage: end.stage + 1)
        } else {
            done.post()
        }
    }
}
