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
    /// The priority of the tasks that it is named after.
    let own: Priority
    /// By priority; at least one of them.
    let high: InstancePool?
    let low: InstancePool?
    let statistics = ModelStatistics()
    /// Whether it takes requests.
    private let isLoaded = Mutex(true)

    init(name: String, signature: ModelSignature, own: Priority, high: InstancePool?, low: InstancePool?) {
        precondition(high != nil || low != nil, "a served model has tasks")
        self.name = name
        self.signature = signature
        self.own = own
        self.high = high
        self.low = low
    }

    var isReady: Bool {
        get { isLoaded.withLock { $0 } }
        set { isLoaded.withLock { $0 = newValue } }
    }

    /// The tasks for a request's priority: those asked for if there are any, else its own.
    ///
    /// - Parameter priority: 1 for high, anything larger for low; `nil` and 0 are no wish.
    func pool(priority: Int?) -> InstancePool {
        let wanted: Priority =
            switch priority ?? 0 {
            case ...0: own
            case 1: .high
            default: .low
            }
        return (wanted == .high ? high ?? low : low ?? high)!
    }
}
