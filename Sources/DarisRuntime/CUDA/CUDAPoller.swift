import DarisCore
import Synchronization

/// The thread that sees stages end on a GPU. It asks in turn, without pause while anything is in flight, since a pause
/// would cost every stage; with nothing in flight it sleeps.
final class CUDAPoller: Sendable {
    /// How often it tries to make the context its own.
    private static let attempts = 100

    private let lanes: [CUDALane]
    private let ended: @Sendable (StageEnd) -> Void
    private let inFlight = Atomic(0)
    private let isStopped = Atomic(false)
    private let identity = ThreadIdentity()
    /// The lane whose end is being told; -1 if none is.
    private let toldLane = Atomic(-1)
    private let semaphore = Semaphore()
    private let thread = Mutex<DedicatedThread?>(nil)

    /// A poller at rest. `ended` is called on its thread, may launch from there, and is told of each end once.
    init(_ lanes: [CUDALane], ended: @escaping @Sendable (StageEnd) -> Void) {
        self.lanes = lanes
        self.ended = ended
    }

    /// Starts the thread.
    func start(_ attributes: DedicatedThread.Attributes) {
        thread.withLock {
            $0 = DedicatedThread.required(attributes) {
                self.identity.claim()
                self.run()
            }
        }
    }

    /// Whether the caller is being told of the end of a lane's stage.
    func isTelling(ofLane lane: Int) -> Bool { identity.isCurrent && toldLane.load(ordering: .relaxed) == lane }

    /// Whether nothing is in flight.
    var isIdle: Bool { inFlight.load(ordering: .sequentiallyConsistent) == 0 }

    /// Says that a stage has been launched.
    func watch() {
        if inFlight.add(1, ordering: .sequentiallyConsistent).oldValue == 0 { semaphore.post() }
    }

    /// Ends the thread, once the stages in flight have ended, and waits for it.
    func stop() {
        end()
        thread.withLock { $0 }?.join()
    }

    /// Has the thread end once the stages in flight have ended.
    func end() {
        isStopped.store(true, ordering: .sequentiallyConsistent)
        semaphore.post()
    }

    private func run() {
        var attempts = 0
        while true {
            if inFlight.load(ordering: .sequentiallyConsistent) == 0 {
                if isStopped.load(ordering: .sequentiallyConsistent) { return }
                semaphore.wait()
                continue
            }
            // Asking needs the context. If it cannot be had at all, the questions fail, and with them the stages.
            if attempts < Self.attempts, let lane = lanes.first {
                attempts += 1
                guard (try? lane.context.makeCurrent()) != nil else { continue }
                attempts = Self.attempts
            }
            for lane in lanes {
                guard let end = lane.poll() else { continue }
                toldLane.store(lane.index, ordering: .relaxed)
                ended(end)
                toldLane.store(-1, ordering: .relaxed)
                // Only now, so that a launch from the handler does not find nothing in flight and post for nothing.
                inFlight.subtract(1, ordering: .sequentiallyConsistent)
            }
        }
    }
}
