import DarisConfiguration
import DarisCore
import DarisRuntime
import Synchronization

/// A model as clients see it: its tensors, and the tasks behind it.
final class ServedModel: Sendable {
    /// What a client asks for.
    let name: String
    /// Its one version.
    let version = "1"
    let signature: ModelSignature
    /// Its tasks.
    let own: InstancePool
    /// Tasks of the same network with the other priority, if there are any.
    let other: InstancePool?
    let statistics = ModelStatistics()
    /// Whether it takes requests.
    private let isLoaded = Mutex(true)

    init(name: String, signature: ModelSignature, own: InstancePool, other: InstancePool?) {
        self.name = name
        self.signature = signature
        self.own = own
        self.other = other
    }

    var isReady: Bool {
        get { isLoaded.withLock { $0 } }
        set { isLoaded.withLock { $0 = newValue } }
    }

    /// The tasks for a request's priority: those asked for if there are any, else its own.
    ///
    /// - Parameter priority: 1 for high, anything larger for low; `nil` and 0 are no wish.
    func pool(priority: Int?) -> InstancePool {
        guard let priority, priority > 0 else { return own }
        let wanted: Priority = priority == 1 ? .high : .low
        return wanted == own.priority ? own : other ?? own
    }
}
