import DarisConfiguration
import DarisCore
import DarisRuntime
import Synchronization

/// A model as clients see it: its tensors, and the requests for it.
final class ServedModel: Sendable {
    /// What a client asks for.
    let name: String
    /// Its one version.
    let version = "1"
    let signature: ModelSignature
    /// The requests for its task.
    let own: RequestQueue
    /// Those for a task of the same network with the other priority, if there is one.
    let other: RequestQueue?
    let statistics = ModelStatistics()
    /// Whether it takes requests.
    private let isLoaded = Mutex(true)

    init(name: String, signature: ModelSignature, own: RequestQueue, other: RequestQueue?) {
        self.name = name
        self.signature = signature
        self.own = own
        self.other = other
    }

    var isReady: Bool {
        get { isLoaded.withLock { $0 } }
        set { isLoaded.withLock { $0 = newValue } }
    }

    /// The queue for a request's priority: the one asked for if there is one, else its own.
    ///
    /// - Parameter priority: 1 for high, anything larger for low; `nil` and 0 are no wish.
    func queue(priority: Int?) -> RequestQueue {
        guard let priority, priority > 0 else { return own }
        let wanted: Priority = priority == 1 ? .high : .low
        return wanted == own.priority ? own : other ?? own
    }
}
