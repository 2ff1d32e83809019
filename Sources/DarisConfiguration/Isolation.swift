/// What separates the contexts of a device from each other.
package enum Isolation: String, Hashable, Sendable, Codable, CaseIterable {
    /// Nothing: all run in one process.
    case none
    /// Each is a worker process: one that crashes takes only its own running jobs with it, and is started again.
    case process
}
