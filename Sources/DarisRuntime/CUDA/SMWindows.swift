public import DarisCore

/// Which groups of SMs each green context of a partition gets.
///
/// The driver gives SMs in groups of one size, numbered here from 0; `Partition.windows` is the rule.
public struct SMWindows: Hashable, Sendable {
    /// The SMs in a group.
    public let groupSize: Int
    /// The groups that the device has.
    public let groupCount: Int
    /// The SMs of the device, of which some may be in no group.
    public let multiprocessorCount: Int
    /// The groups of each context, ascending; at least one each.
    public let groups: [[Int]]

    private let partition: Partition

    /// The windows of a partition.
    public init(partition: Partition, multiprocessorCount: Int, groupSize: Int, groupCount: Int) {
        precondition(groupSize >= 1 && groupCount >= 1, "there is at least one group of one SM")
        precondition(groupSize * groupCount <= multiprocessorCount, "the groups are of the device's SMs")
        self.partition = partition
        self.multiprocessorCount = multiprocessorCount
        self.groupSize = groupSize
        self.groupCount = groupCount
        groups = partition.windows(groupCount: groupCount, groupSize: groupSize)
    }

    /// The SMs of a context, numbered by groups.
    public func multiprocessors(of context: Int) -> [Int] {
        groups[context].flatMap { Array($0 * groupSize..<($0 + 1) * groupSize) }
    }

    /// The SMs that two contexts share.
    public func shared(_ first: Int, _ second: Int) -> Int {
        Set(groups[first]).intersection(groups[second]).count * groupSize
    }

    /// What rounding to groups has changed, in sentences without a full stop; none if nothing.
    public var notes: [String] {
        var notes: [String] = []
        let exact = partition.quota(units: multiprocessorCount, granularity: 1)
        let sizes = Set(groups.map { $0.count * groupSize }).sorted()
        if sizes != [exact] {
            let given = sizes.map(String.init).joined(separator: " or ")
            notes.append("each context has \(given) SMs instead of \(exact), since they come in groups of \(groupSize)")
        }
        let rest = multiprocessorCount - groupCount * groupSize
        if rest > 0 {
            notes.append("\(rest) of \(multiprocessorCount) SMs are in no group of \(groupSize) and stay idle")
        }
        if partition.oversubscription == 1, partition.contexts > groupCount {
            notes.append("\(partition.contexts) contexts share \(groupCount) groups, since a group cannot be cut")
        }
        return notes
    }
}
