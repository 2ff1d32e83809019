import DarisConfiguration
import DarisCore

/// The device of this machine that a task set names, whichever it is, as one type: an executor is made for it once.
package struct MachineDevice: Device {
    /// The devices that task sets can name.
    static let types: [any NamedDevice.Type] = [CPUDevice.self, CUDADevice.self]

    /// What runs the stages: one of the `types`, or worker processes that hold one.
    let base: any Device

    init(_ base: any Device) { self.base = base }

    /// The type of the device that a task set names.
    static func type(
        of device: String, among types: [any NamedDevice.Type] = types
    ) throws(PreparationError) -> any NamedDevice.Type {
        guard let type = types.first(where: { $0.kind.index(of: device) != nil }) else {
            let known = types.map { $0.kind.name }.joined(separator: ", ")
            throw .device(name: device, reason: "there is no such device; use one of \(known)")
        }
        return type
    }

    /// How many lanes there are.
    package var laneCount: Int { base.laneCount }

    /// What the bytes of each input and output of a task's model must be.
    package func tensorSizes(of task: Int) -> (inputs: [TensorSize], outputs: [TensorSize]) {
        base.tensorSizes(of: task)
    }

    /// Says whom to tell of the ends of stages.
    package func setHandler(_ handler: @escaping @Sendable (StageEnd) -> Void) { base.setHandler(handler) }

    /// Says whom to tell of contexts that are lost and come back.
    package func setContextHandler(_ handler: @escaping @Sendable (ContextChange) -> Void) {
        base.setContextHandler(handler)
    }

    /// How many jobs can run a stage together with one of a task.
    package func batchSizes(of task: Int) -> [Int] { base.batchSizes(of: task) }

    /// Starts a stage of one or more jobs on an idle lane.
    package func launch(_ dispatch: Dispatch, tensors: [JobTensors?]) { base.launch(dispatch, tensors: tensors) }

    /// Makes running stages end early with an error, where the device can.
    package func terminateRunningStages() { base.terminateRunningStages() }

    /// Ends all threads; no stage is running.
    package func shutDown() { base.shutDown() }

    /// Whether `shutDown` ends even a stage that hangs.
    package var canShutDownWhileHanging: Bool { base.canShutDownWhileHanging }

    /// What became of the device on the way.
    package var notes: [String] { base.notes }
}
