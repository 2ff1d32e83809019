/// How the contexts of a partition get their share of the device.
package enum PartitionKind: String, Hashable, Sendable, Codable, CaseIterable {
    /// Sets of a CPU's cores.
    case cores
    /// One context of a GPU with several streams (STR).
    case streams
    /// Contexts of a GPU under MPS, which bounds how many SMs each may use but not which.
    case mps
    /// Green contexts: fixed windows of SMs, disjoint while the quotas add up to no more than the device.
    case green

    /// The kind that a GPU's partition has if nothing is said of it.
    package static func standard(contexts: Int) -> PartitionKind { contexts == 1 ? .streams : .mps }
}
