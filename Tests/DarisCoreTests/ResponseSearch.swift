@testable import DarisCore

/// A search for the longest responses of a set of tasks: the real scheduler on a device on which every stage takes its AFET, with
/// many patterns of releases. Times are small whole numbers of nanoseconds, so that much coincides.
struct ResponseSearch {
    /// What the device does.
    struct Device {
        /// How much longer every stage keeps its lane.
        var delay: Int64 = 0
        /// Whether stages may take less than their AFET, which the scheduler learns.
        var varies = false
    }

    let configuration: SchedulerConfiguration
    let device: Device
    /// By task: the longest response seen.
    private(set) var longest: [Int64]
    /// By task: the pattern that led to it.
    private var patterns: [Pattern?]
    private var random: SplitMix64

    /// When tasks are released first, and with which gaps afterwards.
    private struct Pattern {
        var phases: [Int64]
        var gaps: Double
        var seed: UInt64
        var releasesFirst: Bool
    }

    /// The moment at which the lanes become busy in patterns that follow the proofs.
    private static let start: Int64 = 50

    init(_ configuration: SchedulerConfiguration, _ device: Device = Device(), seed: UInt64) {
        self.configuration = configuration
        self.device = device
        longest = configuration.tasks.map { _ in 0 }
        patterns = configuration.tasks.map { _ in nil }
        random = SplitMix64(seed: seed)
    }

    /// Tries some patterns.
    mutating func run(tries: Int) {
        let tasks = configuration.tasks
        for attempt in 0..<tries {
            let pattern = attempt == 0 ? synchronous : pattern()
            for (task, response) in responses(pattern).enumerated()
            where response > longest[task] && tasks[task].priority == .high {
                (longest[task], patterns[task]) = (response, pattern)
            }
        }
    }

    private var synchronous: Pattern {
        Pattern(phases: configuration.tasks.map { _ in Self.start }, gaps: 0, seed: 0, releasesFirst: true)
    }

    private mutating func pattern() -> Pattern {
        let tasks = configuration.tasks
        let high = tasks.indices.filter { tasks[$0].priority == .high }
        let target = high.randomElement(using: &random)!
        var pattern = synchronous
        (pattern.seed, pattern.releasesFirst) = (random.next(), Bool.random(using: &random))
        switch Int.random(in: 0..<6, using: &random) {
        case 0:
            pattern.phases = tasks.map { .random(in: 0...$0.period.rawValue, using: &random) }
            pattern.gaps = Bool.random(using: &random) ? 0.3 : 0
        case 1, 2, 3:
            // As in the proofs: blockers just before, the others together, the job in question with them or later.
            for index in tasks.indices {
                let late = Int64.random(in: 0...tasks[index].period.rawValue, using: &random)
                switch Int.random(in: 0..<5, using: &random) {
                case _ where tasks[index].priority == .low: pattern.phases[index] -= 1
                case 0...2 where index == target: pattern.phases[index] += late
                case 0 where index != target: pattern.phases[index] -= 1 + late % 30
                case 1 where index != target: pattern.phases[index] += late % 10
                default: break
                }
            }
        default:
            // The worst pattern so far, with one task moved.
            guard let worst = patterns[target] else { return pattern }
            pattern = worst
            let index = Int.random(in: 0..<tasks.count, using: &random)
            let step = Bool.random(using: &random) ? 3 : tasks[index].period.rawValue
            pattern.phases[index] = max(0, pattern.phases[index] + .random(in: -step...step, using: &random))
        }
        return pattern
    }

    private func releases(_ pattern: Pattern) -> [(time: Int64, task: Int)] {
        var random = SplitMix64(seed: pattern.seed)
        let end = Self.start + configuration.tasks.map(\.period.rawValue).max()!
        var releases: [(time: Int64, task: Int)] = []
        for (index, task) in configuration.tasks.enumerated() {
            var time = pattern.phases[index]
            while time < end {
                releases.append((time, index))
                time += task.period.rawValue
                if Double.random(in: 0..<1, using: &random) < pattern.gaps {
                    time += .random(in: 0...task.period.rawValue, using: &random)
                }
            }
        }
        return releases.sorted { $0 < $1 }
    }

    /// The longest response of each task in a run.
    private func responses(_ pattern: Pattern) -> [Int64] {
        var scheduler = Scheduler(configuration)
        var (commands, releases) = (CommandBuffer(), releases(pattern)[...])
        var random = SplitMix64(seed: pattern.seed)
        var running: [(dispatch: Dispatch, end: Int64, time: Int64)] = []
        var longest = configuration.tasks.map { _ in Int64(0) }
        while let first = [releases.first?.time, running.map(\.end).min()].compactMap({ $0 }).min() {
            let ending = running.firstIndex { $0.end == first }
            if let release = releases.first, release.time == first, ending == nil || pattern.releasesFirst {
                releases.removeFirst()
                scheduler.handle(.jobReleased(task: release.task), at: Nanoseconds(first), into: &commands)
            } else if let ending {
                let (dispatch, _, time) = running.remove(at: ending)
                scheduler.handle(
                    .stageCompleted(lane: dispatch.lane, job: dispatch.jobs[0], executionTime: Nanoseconds(time)),
                    at: Nanoseconds(first), into: &commands)
            }
            for command in commands {
                switch command {
                case .dispatch(let dispatch):
                    let full = configuration.tasks[dispatch.jobs[0].task].afet[dispatch.stage].rawValue
                    let isShort = device.varies && Bool.random(using: &random)
                    let time = isShort ? Int64.random(in: 0...full, using: &random) : full
                    running.append((dispatch, first + time + device.delay, time))
                case .finished(let outcome) where outcome.fate == .completed:
                    longest[outcome.job.task] = max(
                        longest[outcome.job.task], (outcome.finish - outcome.release).rawValue)
                default: break
                }
            }
        }
        return longest
    }
}

/// Sets of random tasks.
struct RandomTaskSets {
    /// The partition.
    var streams = 1
    var contexts = 1
    /// The most LP tasks.
    var lowPriority = 3
    /// The utilisation of all HP tasks, of each lane, at most.
    var load = 0.8
    /// The deadline, in periods.
    var deadlines = 0.3...2.0
    /// Whether some tasks queue releases and some have several instances.
    var queues = false
    var instances = false
    var options: [SchedulerOptions] = [SchedulerOptions()]

    func next(_ random: inout SplitMix64) throws -> SchedulerConfiguration {
        let high = Int.random(in: 1...5, using: &random)
        let low = lowPriority == 0 ? 0 : Int.random(in: 1...lowPriority, using: &random)
        let share = load * Double(streams * contexts) / Double(high) * .random(in: 0.4...1, using: &random)
        let tasks = (0..<high + low).map { index in
            let period = Int64.random(in: 20...300, using: &random)
            let part = min(0.9, share * .random(in: 0.5...1.5, using: &random))
            let time = index < high ? max(1, Int64(Double(period) * part)) : .random(in: 2...40, using: &random)
            let stages = Int64.random(in: 1...4, using: &random)
            let cuts = [0] + (1..<stages).map { _ in Int64.random(in: 0...time, using: &random) }.sorted() + [time]
            let deadline = max(time, Int64(Double(period) * .random(in: deadlines, using: &random)))
            return TaskSpecification(
                name: "\(index)", period: Nanoseconds(period), deadline: Nanoseconds(deadline),
                priority: index < high ? .high : .low, instances: instances ? .random(in: 1...3, using: &random) : 1,
                overrun: queues && Bool.random(using: &random) ? .queue(limit: 16) : .skip,
                afet: zip(cuts, cuts.dropFirst()).map { Nanoseconds(max(1, $1 - $0)) })
        }
        return try SchedulerConfiguration(
            partition: Partition(contexts: contexts, streams: streams, oversubscription: 1), tasks: tasks,
            options: options.randomElement(using: &random)!)
    }
}
