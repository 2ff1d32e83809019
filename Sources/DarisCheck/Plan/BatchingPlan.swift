/// What is measured of batching alone, in an order in which a cut-off measurement has still seen the large batches of
/// every network, on which the best throughput is likely found.
enum BatchingPlan {
    /// The batch sizes: 1, 2, 4, … 64.
    static let sizes = [1, 16, 64, 4, 32, 8, 2]
    /// The lanes that run batches at the same time; the better counts.
    static let lanes = [1, 2]

    /// A network at a batch size.
    struct Entry: Hashable {
        var network: CheckNetwork
        var batch: Int
    }

    /// All of them: size by size, each network.
    static func entries(_ networks: [CheckNetwork]) -> [Entry] {
        sizes.flatMap { size in networks.map { Entry(network: $0, batch: size) } }
    }
}
