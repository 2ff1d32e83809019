import CDarisSystem
import DarisCore

/// One lane of the CPU device: a thread that runs the stages it is handed, one after another, on its context's cores.
final class CPULane: @unchecked Sendable {
    // Unchecked: the slot is written by the thread that launches while the lane is idle, and read by the lane's thread after the
    // semaphore; the two never overlap.

    /// A stage to run.
    struct Work: Sendable {
        var job: JobID
        var instance: Int
        var stage: Int
        var io: JobTensors?
    }

    private let index: Int
    private let semaphore = Semaphore()
    private var slot: Work?
    private var thread: DedicatedThread?

    init(index: Int) { self.index = index }

    /// Starts the thread. `run` runs a stage and returns what went wrong, if anything; `ended` is told.
    func start(
        _ attributes: DedicatedThread.Attributes, run: @escaping @Sendable (Work, Int) -> DeviceError?,
        ended: @escaping @Sendable (StageEnd) -> Void
    ) throws(DeviceError) {
        thread = try DedicatedThread(attributes) { [self] in
            var lastEnd: Int64 = 0
            while true {
                let wasReady = semaphore.tryWait()
                if !wasReady { semaphore.wait() }
                guard let work = slot else { return }
                slot = nil
                let start = daris_monotonic_nanoseconds()
                let error = run(work, index)
                let end = daris_monotonic_nanoseconds()
                let handover = wasReady && lastEnd > 0 ? Nanoseconds(start - lastEnd) : nil
                lastEnd = end
                ended(
                    StageEnd(
                        lane: index, job: work.job, stage: work.stage, executionTime: Nanoseconds(end - start),
                        handover: handover, error: error))
            }
        }
    }

    /// Hands the idle lane a stage.
    func launch(_ work: Work) {
        slot = work
        semaphore.post()
    }

    /// Has the thread end once its stage has ended.
    func end() { semaphore.post() }

    /// Ends the thread once its stage has ended, and waits for it.
    func stop() {
        end()
        thread?.join()
        thread = nil
    }
}
