import CDarisSystem
import DarisCore
import Synchronization

/// One lane of the CPU device: a thread that runs the stages it is handed, one after another, on its context's cores.
///
/// Where LP makes way for HP the lane has a second thread for LP stages, which runs while no other thread wants the core. It
/// never takes a lock: the first thread tells of its ends, so that no one waits for a thread that waits for the core.
final class CPULane: @unchecked Sendable {
    // Unchecked: `work` is written by the thread that launches while the lane is idle, and read by the thread that it wakes;
    // `ended` by the LP thread, and read by the first thread after its semaphore. The two never overlap.

    /// A stage to run.
    struct Work: Sendable {
        var job: JobID
        var instance: Int
        /// Those of the instance, where the device has looked them up.
        var tensors: TaskTensors?
        var stage: Int
        var io: JobTensors?
        /// Whether it makes way for HP.
        var makesWay = false
    }

    private let index: Int
    private let wake = Semaphore()
    private let wakeBelow = Semaphore()
    private var work: Work?
    private var ended: StageEnd?
    private var threads: [DedicatedThread] = []
    /// Whether the lane tells of an end: a stage that is launched meanwhile follows it.
    private let isTelling = Atomic<Bool>(false)
    private var followsEnd = false
    private var makesWay = false
    private var hasLowThread = false
    private var lastEnd: Int64 = 0

    init(index: Int) { self.index = index }

    /// Starts the threads. `run` runs a stage and returns what went wrong, if anything; `tell` is told of its end.
    ///
    /// - Parameter hasLow: whether there are stages that make way.
    func start(
        _ attributes: DedicatedThread.Attributes, hasLow: Bool, run: @escaping @Sendable (Work, Int) -> DeviceError?,
        tell: @escaping @Sendable (StageEnd) -> Void
    ) throws(DeviceError) {
        threads.append(
            try DedicatedThread(attributes) { [self] in
                while true {
                    wake.wait()
                    let end: StageEnd
                    if let ended {
                        end = ended
                        self.ended = nil
                    } else if let next = take(makingWay: false) {
                        end = finish(next, run)
                    } else {
                        // Woken for the end: by the LP thread, if there is one, once that has nothing left to tell.
                        return
                    }
                    isTelling.store(true, ordering: .relaxed)
                    tell(end)
                    isTelling.store(false, ordering: .relaxed)
                }
            })
        guard hasLow else { return }
        var below = attributes
        below.name += "l"
        below.fifoPriority = 0
        below.makesWay = true
        threads.append(
            try DedicatedThread(below) { [self] in
                while true {
                    wakeBelow.wait()
                    guard let next = take(makingWay: true) else { return wake.post() }
                    ended = finish(next, run)
                    wake.post()
                }
            })
        hasLowThread = true
    }

    /// Takes the stage that the lane has been handed, if it is for this thread.
    private func take(makingWay: Bool) -> Work? {
        guard let next = work, next.makesWay == makingWay else { return nil }
        work = nil
        return next
    }

    private func finish(_ work: Work, _ run: (Work, Int) -> DeviceError?) -> StageEnd {
        let start = daris_monotonic_nanoseconds()
        let error = run(work, index)
        let end = daris_monotonic_nanoseconds()
        // A stage that makes way may wait for others, which is no hand-over.
        let handover = followsEnd && lastEnd > 0 && !work.makesWay ? Nanoseconds(start - lastEnd) : nil
        lastEnd = end
        return StageEnd(
            lane: index, job: work.job, stage: work.stage, executionTime: Nanoseconds(end - start), handover: handover,
            error: error)
    }

    /// Hands the idle lane a stage.
    func hand(_ work: Work) {
        self.work = work
        makesWay = work.makesWay
        followsEnd = isTelling.load(ordering: .relaxed)
    }

    /// Starts the stage that it has been handed.
    func start() {
        if makesWay { wakeBelow.post() } else { wake.post() }
    }

    /// Has the threads end once their stages have ended.
    func end() { if hasLowThread { wakeBelow.post() } else { wake.post() } }

    /// Ends the threads once their stages have ended, and waits for them.
    func stop() {
        end()
        for thread in threads { thread.join() }
        threads = []
    }
}
