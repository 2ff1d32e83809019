import DarisCore

/// A whole system with everything that will happen to it: tasks, partition, arrivals and faults. Made from a seed.
package struct FuzzScenario: Hashable, Sendable {
    /// The seed it was made from, which also decides how long stages take.
    package let seed: UInt64
    /// Tasks, partition and options.
    package internal(set) var configuration: SchedulerConfiguration
    /// When the jobs of each task come.
    package internal(set) var arrivals: [ArrivalSequence?]
    /// What goes wrong.
    package internal(set) var faults: [Fault]
    /// How long jobs are released.
    package internal(set) var duration: Nanoseconds

    /// The scenario of a seed.
    package init(seed: UInt64) {
        self.seed = seed
        var random = SplitMix64(seed: seed)
        func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
        let unit = Nanoseconds([1, 1_000, 100_003].randomElement(using: &random) ?? 1_000)
        func time(_ range: ClosedRange<Int>) -> Nanoseconds { Nanoseconds(Int64(pick(range)) * unit.rawValue) }
        let contexts = pick(1...5)
        var partition = Partition(contexts: contexts, streams: pick(1...4), oversubscription: 1)
        let weight = pick(1...8)
        var tasks: [TaskSpecification] = []
        var arrivals: [ArrivalSequence?] = []
        for index in 0..<pick(1...14) {
            let period = time(20...200)
            tasks.append(
                TaskSpecification(
                    name: "t\(index)", period: period, deadline: pick(0...2) == 0 ? time(5...300) : nil,
                    priority: pick(0...2) == 0 ? .high : .low, lateness: pick(0...3) == 0 ? .drop : .run,
                    overrun: pick(0...1) == 0 ? .skip : .queue(limit: pick(1...4)),
                    afet: (0..<pick(1...6)).map { _ in time(0...weight * 2) }))
            let processes: [ArrivalProcess] = [
                .periodic, .periodic, .jittered(Nanoseconds(period.rawValue / 3)), .sporadic(meanExtraGap: nil),
                .poisson,
                .bursts(on: time(200...600), off: time(100...900)),
            ]
            arrivals.append(
                ArrivalSequence(
                    processes.randomElement(using: &random) ?? .periodic, period: period, phase: time(0...200),
                    seed: random.next()))
        }
        var options = SchedulerOptions()
        if pick(0...7) == 0 { options.policy = pick(0...1) == 0 ? .edf : .fifo }
        options.windowSize = [1, 2, 5, 5, 5, 9].randomElement(using: &random) ?? 5
        if pick(0...1) == 0 {
            func flip(_ value: inout Bool) { if pick(0...6) == 0 { value.toggle() } }
            flip(&options.worstCaseExecutionTime)
            flip(&options.lastStageLevel)
            flip(&options.lateLevel)
            flip(&options.fixedPriority)
            flip(&options.migration)
            flip(&options.admission)
            flip(&options.forgetting)
        }
        // Drawn apart, so that the other scenarios stay what they are. Few lanes, so that jobs wait and can run together.
        var groups: [BatchGroup]?
        var drawn = SplitMix64(seed: seed ^ 0xBA7C)
        if seed % 3 == 2 {
            groups = Self.group(&tasks, unit: unit, using: &drawn)
            options.batching = Int.random(in: 2...BatchGroup.jobLimit, using: &drawn)
            if Bool.random(using: &drawn) { options.admission = false }
            // Drawn apart too: all rules in one of four.
            var rules = SplitMix64(seed: seed ^ 0x0FF5)
            if rules.next() % 4 > 0 {
                options.batchingRules = Set(BatchingRule.allCases.filter { _ in rules.next() % 2 == 0 })
            }
            partition.contexts = min(contexts, 2)
            partition.streams = min(partition.streams, 2)
        }
        if seed % 5 < 2 {
            for index in tasks.indices { tasks[index].instances = Int.random(in: 1...4, using: &drawn) }
        }
        if seed % 2 == 1, options.hasFixedPriorities {
            var apart = SplitMix64(seed: seed ^ 0xE897)
            partition.express = Int.random(in: 1...partition.streams, using: &apart)
        }
        if seed % 6 == 4, options.policy == .daris {
            var apart = SplitMix64(seed: seed ^ 0x9B11)
            options.rules = Self.rules(using: &apart)
        }
        do {
            configuration = try SchedulerConfiguration(
                partition: partition, tasks: tasks, options: options, batchGroups: groups)
        } catch {
            preconditionFailure("a fuzz scenario cannot be scheduled: \(error)")
        }
        self.arrivals = arrivals
        let duration = time(2_000...6_000)
        self.duration = duration
        func moment() -> Nanoseconds { Nanoseconds(Int64(random.next() % UInt64(duration.rawValue))) }
        func later(_ start: Nanoseconds) -> Nanoseconds? { pick(0...3) == 0 ? nil : start + time(50...900) }
        faults = (0..<pick(0...8)).map { _ in
            let (task, start) = (pick(0...tasks.count - 1), moment())
            switch pick(0...8) {
            case 0, 1: return .slow(task: task, from: start, until: start + time(100...1_500), factor: 10)
            case 2: return .failing(task: task, every: pick(1...9))
            case 3, 4: return .lostContext(pick(0...contexts - 1), at: start, restored: later(start))
            case 5: return .clockStep(at: start, by: pick(0...1) == 0 ? time(1...400) : .zero - time(1...400))
            case 6: return .burst(task: task, at: start, count: pick(2...40))
            case 7: return .cancelled(task: task, sequence: pick(0...20), at: start)
            default: return .removedTask(task, at: start, added: later(start))
            }
        }
        if groups != nil { faults += Self.cancellations(tasks, using: &drawn) }
        if seed % 4 == 1 {
            var apart = SplitMix64(seed: seed ^ 0x0022)
            faults += Self.replacements(configuration.tasks, unit: unit, duration: duration, using: &apart)
        }
    }

    /// Tasks that are removed, and others that take their places, of any priority and as many stages and instances as fit.
    private static func replacements(
        _ tasks: [TaskSpecification], unit: Nanoseconds, duration: Nanoseconds, using random: inout SplitMix64
    ) -> [Fault] {
        func time(_ range: ClosedRange<Int>) -> Nanoseconds {
            Nanoseconds(Int64(Int.random(in: range, using: &random)) * unit.rawValue)
        }
        return (0..<Int.random(in: 1...6, using: &random)).compactMap { number in
            let task = Int.random(in: tasks.indices, using: &random)
            guard tasks[task].batchGroup == nil else { return nil }
            let at = Nanoseconds(Int64.random(in: 0..<duration.rawValue, using: &random))
            let specification = TaskSpecification(
                name: "r\(number)", period: time(20...200),
                deadline: Bool.random(using: &random) ? time(5...300) : nil,
                priority: Bool.random(using: &random) ? .high : .low,
                batch: Int.random(in: 1...3, using: &random),
                instances: Int.random(in: 1...tasks[task].instances, using: &random),
                lateness: Bool.random(using: &random) ? .drop : .run,
                overrun: Bool.random(using: &random) ? .skip : .queue(limit: Int.random(in: 1...4, using: &random)),
                afet: (0..<Int.random(in: 1...tasks[task].afet.count, using: &random)).map { _ in time(0...16) })
            return .replacedTask(task, at: at, added: at + time(1...900), specification)
        }
    }

    /// Some of the published implementation's rules, or all.
    private static func rules(using random: inout SplitMix64) -> PublishedRules {
        if Bool.random(using: &random) { return .all }
        var rules = PublishedRules()
        rules.sharedAdmission = Bool.random(using: &random)
        rules.movesHomes = Bool.random(using: &random)
        rules.rejectionsAge = Bool.random(using: &random)
        rules.lateBeforeLast = Bool.random(using: &random)
        return rules
    }

    /// Makes two groups of tasks that may run together of most of them.
    private static func group(
        _ tasks: inout [TaskSpecification], unit: Nanoseconds, using random: inout SplitMix64
    ) -> [BatchGroup] {
        func time(_ range: ClosedRange<Int>) -> Nanoseconds {
            Nanoseconds(Int64(Int.random(in: range, using: &random)) * unit.rawValue)
        }
        let stages = [Int.random(in: 1...5, using: &random), Int.random(in: 1...5, using: &random)]
        let alone = stages.map { count in (0..<count).map { _ in time(0...15) } }
        for index in tasks.indices {
            let draw = Int.random(in: 0...7, using: &random)
            guard draw < 7 else { continue }
            let group = draw < 5 ? 0 : 1
            tasks[index].batchGroup = group
            tasks[index].afet = alone[group]
            tasks[index].deadline = max(tasks[index].deadline, time(200...600))
        }
        return alone.map { afet in
            let sizes = BatchGroup.measuredSizes.filter { $0 == 2 || Int.random(in: 0...4, using: &random) > 0 }
            return BatchGroup(
                sizes: sizes.map { jobs in
                    BatchGroup.Size(
                        jobs: jobs,
                        afet: afet.map { Nanoseconds($0.rawValue * Int64(2 + jobs) / 3) })
                })
        }
    }

    /// Cancellations at about the time at which the jobs are in flight.
    private static func cancellations(_ tasks: [TaskSpecification], using random: inout SplitMix64) -> [Fault] {
        (0..<8).map { _ in
            let task = Int.random(in: tasks.indices, using: &random)
            let sequence = Int.random(in: 0...3, using: &random)
            let period = tasks[task].period.rawValue
            let at = Int64(sequence) * period + Int64.random(in: 0...2 * period, using: &random)
            return .cancelled(task: task, sequence: sequence, at: Nanoseconds(at))
        }
    }

    /// The scenario in words, to be put into a report.
    package var summary: String {
        let partition = configuration.partition
        let instances = configuration.instances
        let tasks = configuration.tasks.enumerated().map { index, task in
            "  task \(index): \(task.priority.name) period \(task.period.rawValue) deadline \(task.deadline.rawValue) "
                + "×\(task.instances) \(task.lateness) \(task.overrun) AFET \(task.afet.map(\.rawValue)) on contexts \(Array(configuration.homes[instances[index]]))"
        }
        let lines =
            [
                "\(partition.contexts) × \(partition.streams) lanes, \(partition.express) express, for \(duration.rawValue) ns, \(configuration.options)"
            ]
            + tasks + faults.map { "  fault: \($0)" }
        return lines.joined(separator: "\n")
    }
}
