import DarisCore
import Testing

@testable import DarisRuntime

/// Tensors whose inputs or outputs are copied only once they are let go, by any thread but one.
final class HeldTensors: JobTensors, @unchecked Sendable {
    // Unchecked: as its class is.

    enum Side: String, CaseIterable {
        case inputs
        case outputs
    }

    private let held: Side
    private let busy: ThreadIdentity
    private let began = Semaphore()
    private let letGo = Semaphore()

    /// - Parameters:
    ///   - held: what is held up, at its first tensor.
    ///   - busy: a thread that has other things to do; if it copies, that is an issue, and nothing is held up.
    init(inputs: [[UInt8]], outputSizes: [TensorSize], holding held: Side, busy: ThreadIdentity) {
        self.held = held
        self.busy = busy
        super.init(inputs: inputs, outputSizes: outputSizes)
    }

    /// Waits until the copy has begun.
    func waitForCopy() async { await onThread { self.began.wait() } }

    /// Lets the copy go on.
    func release() { letGo.post() }

    override func copyInput(_ index: Int, to target: UnsafeMutableRawBufferPointer) {
        if index == 0 { hold(.inputs) }
        super.copyInput(index, to: target)
    }

    override func copyOutput(_ index: Int, from source: UnsafeRawBufferPointer) {
        if index == 0 { hold(.outputs) }
        super.copyOutput(index, from: source)
    }

    private func hold(_ side: Side) {
        guard side == held else { return }
        began.post()
        if busy.isCurrent {
            Issue.record("\(side.rawValue) are copied by a thread that others wait for")
        } else {
            letGo.wait()
        }
    }
}

/// A device on which the first submitted job's copies are held up.
final class HoldingDevice<Base: Device>: Device {
    private let base: Base
    private let held: HeldTensors
    private let launcher: ThreadIdentity

    /// - Parameter launcher: becomes the thread that launches.
    init(_ base: Base, _ held: HeldTensors, launcher: ThreadIdentity) {
        self.base = base
        self.held = held
        self.launcher = launcher
    }

    var laneCount: Int { base.laneCount }
    func tensorSizes(of task: Int) -> (inputs: [TensorSize], outputs: [TensorSize]) { base.tensorSizes(of: task) }
    func setHandler(_ handler: @escaping @Sendable (StageEnd) -> Void) { base.setHandler(handler) }
    func batchSizes(of task: Int) -> [Int] { base.batchSizes(of: task) }
    func hand(_ dispatch: Dispatch, tensors: [JobTensors?]) {
        launcher.claim()
        let isFirst = dispatch.jobs[0] == JobID(task: 0, sequence: 0)
        base.launch(dispatch, tensors: isFirst ? [held] : tensors)
    }
    func terminateRunningStages() { base.terminateRunningStages() }
    func shutDown() { base.shutDown() }
}
