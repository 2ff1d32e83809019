import DarisConfiguration
import DarisCore

/// A task set of a check: the paper's shares of tasks, rates and deadlines. The number of tasks follows from the
/// device's throughput with batching alone.
package struct CheckTaskSet: Hashable, Sendable {
    /// Tasks that run one network.
    package struct Group: Hashable, Sendable {
        /// The network's name.
        package var network: String
        /// HP tasks.
        package var high: Int
        /// LP tasks.
        package var low: Int
        /// Releases a second of each task before scaling.
        package var rate: Double

        /// Tasks that run one network.
        package init(network: String, high: Int, low: Int, rate: Double) {
            self.network = network
            self.high = high
            self.low = low
            self.rate = rate
        }

        /// Inferences a second of all of them before scaling.
        package var demand: Double { Double(high + low) * rate }
    }

    /// Its name: the network's, or `mixed`.
    package var name: String
    /// Its tasks.
    package var groups: [Group]

    /// A task set of these groups.
    package init(name: String, groups: [Group]) {
        self.name = name
        self.groups = groups
    }

    /// The demand relative to the best throughput of batching alone.
    package static let overload = 1.5

    /// The paper's four task sets.
    package static let paper: [CheckTaskSet] =
        PaperTaskSet.allCases.map { set in
            CheckTaskSet(
                name: set.network,
                groups: [
                    Group(network: set.network, high: set.highPriority, low: set.lowPriority, rate: set.rate)
                ])
        } + [
            CheckTaskSet(
                name: "mixed",
                groups: [
                    Group(network: "resnet18", high: 5, low: 11, rate: 30),
                    Group(network: "unet", high: 2, low: 3, rate: 24),
                    Group(network: "inception_v3", high: 3, low: 4, rate: 24),
                ])
        ]

    /// The throughput of batching alone when every network gets its share of the demand, in inferences a second; `nil`
    /// if it is unknown for one of them.
    ///
    /// - Parameter best: The throughput of each network alone.
    package func batchingThroughput(best: [String: Double]) -> Double? {
        var seconds = 0.0
        for group in groups {
            guard let rate = best[group.network], rate > 0 else { return nil }
            seconds += group.demand / rate
        }
        return seconds > 0 ? groups.reduce(0) { $0 + $1.demand } / seconds : nil
    }

    /// The limit of tasks.
    static let taskLimit = 4_000

    /// The task set with enough tasks for `demand` inferences a second, at least one of each kind. The rates are
    /// adjusted to reach the demand exactly. They are close to the paper's unless the device is too slow for the
    /// smallest set or too fast for `taskLimit`.
    package func scaled(to demand: Double) -> CheckTaskSet {
        let tasks = groups.reduce(0) { $0 + $1.high + $1.low }
        let factor = min(demand / groups.reduce(0) { $0 + $1.demand }, Double(Self.taskLimit) / Double(tasks))
        func count(_ number: Int) -> Int { number == 0 ? 0 : max(1, Int((Double(number) * factor).rounded())) }
        var scaled = self
        for index in groups.indices {
            scaled.groups[index].high = count(groups[index].high)
            scaled.groups[index].low = count(groups[index].low)
        }
        let rest = demand / scaled.groups.reduce(0) { $0 + $1.demand }
        for index in groups.indices { scaled.groups[index].rate *= rest }
        return scaled
    }

    /// The longest period of a task in s, if all tasks together demand `demand` inferences a second.
    package func longestPeriod(demand: Double) -> Double { scaled(to: demand).groups.map { 1 / $0.rate }.max() ?? 0 }

    /// The task set with a demand of `demand` inferences a second in all.
    package func taskSet(
        device: String, partition: Partition, kind: PartitionKind?, models: [ModelDeclaration], demand: Double,
        duration: Nanoseconds
    ) -> TaskSet {
        var tasks: [TaskDeclaration] = []
        for group in scaled(to: demand).groups {
            let period = Nanoseconds.seconds(1 / group.rate)
            for (priority, count) in [(Priority.high, group.high), (.low, group.low)] {
                tasks += (0..<count).map { index in
                    TaskDeclaration(
                        name: "\(group.network)-\(priority == .high ? "hp" : "lp")-\(index + 1)", model: group.network,
                        period: period, priority: priority, overrun: .queue(limit: 1))
                }
            }
        }
        return TaskSet(
            source: name, device: device, partition: partition, partitionKind: kind,
            models: models.filter { model in groups.contains { $0.network == model.name } }, tasks: tasks,
            run: RunSettings(duration: duration))
    }
}
