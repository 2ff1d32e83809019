import DarisCore

/// Which groups of SMs each green context of a partition gets.
///
/// The driver gives SMs in groups of one size, numbered here from 0; `Partition.windows` is the rule.
package struct SMWindows: Hashable, Sendable {
    /// The SMs in a group.
    package let groupSize: Int
    /// The groups that the device has.
    package let groupCount: Int
    /// The SMs of the device, of which some may be in no group.
    package let multiprocessorCount: Int
    /// The groups of each context, ascending; at least one each.
    package let groups: [[Int]]
    /// Whether a context that has all groups also has the SMs that are in none.
    package var includesRest = true

    private let partition: Partition

    /// The windows of a partition.
    package init(partition: Partition, multiprocessorCount: Int, groupSize: Int, groupCount: Int) {
        precondition(groupSize >= 1 && groupCount >= 1, "there is at least one group of one SM")
        precondition(groupSize * groupCount <= multiprocessorCount, "the groups are of the device's SMs")
        self.partition = partition
        self.multiprocessorCount = multiprocessorCount
        self.groupSize = groupSize
        self.groupCount = groupCount
        groups = partition.windows(groupCount: groupCount, groupSize: groupSize)
    }

    /// Whether a context has all of the device.
    package func isWhole(_ context: Int) -> Bool { includesRest && groups[context].count == groupCount }

    /// The SMs of a context, numbered by groups, and those in no group behind them.
    package func multiprocessors(of context: Int) -> [Int] {
        if isWhole(context) { return Array(0..<multiprocessorCount) }
        return groups[context].flatMap { Array($0 * groupSize..<($0 + 1) * groupSize) }
    }

    /// The SMs that two contexts share.
    package func shared(_ first: Int, _ second: Int) -> Int {
        Set(multiprocessors(of: first)).intersection(multiprocessors(of: second)).count
    }

    /// What rounding to groups has changed, in sentences without a full stop; none if nothing.
    package var notes: [String] {
        var notes: [String] = []
        let exact = partition.quota(units: multiprocessorCount, granularity: 1)
        let sizes = Set(groups.indices.map { multiprocessors(of: $0).count }).sorted()
        if sizes != [exact] {
            let given = sizes.map(String.init).joined(separator: " or ")
            notes.append("each context has \(given) SMs instead of \(exact), since they come in groups of \(groupSize)")
        }
        let rest = multiprocessorCount - groupCount * groupSize
        if rest > 0, !groups.indices.contains(where: isWhole) {
            notes.append("\(rest) of \(multiprocessorCount) SMs are in no group of \(groupSize) and stay idle")
        }
        if partition.oversubscription == 1, partition.contexts > groupCount {
            notes.append("\(partition.contexts) contexts share \(groupCount) groups, since a group cannot be cut")
        }
        return notes
    }
}
