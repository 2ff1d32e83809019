import DarisCore

/// Drives whole systems made from seeds, with faults, and checks everything that must hold at every event.
///
/// ```swift
/// if let failure = Fuzzer.run(seed: 7) { print(failure) }
/// ```
package enum Fuzzer {
    /// A scenario in which something did not hold.
    package struct Failure: Error, Sendable, CustomStringConvertible {
        /// The scenario, made as small as it stays broken.
        package var scenario: FuzzScenario
        /// What did not hold.
        package var violation: String

        /// Seed, violation and scenario.
        package var description: String {
            "seed \(scenario.seed): \(violation)\nin the smallest scenario found:\n\(scenario.summary)"
        }
    }

    /// The most events of a run; a run of more would not end.
    static let eventLimit = 2_000_000

    /// Runs the scenario of a seed; on a failure, looks for a smaller one that fails as well.
    package static func run(seed: UInt64) -> Failure? {
        let scenario = FuzzScenario(seed: seed)
        guard let violation = violation(in: scenario) else { return nil }
        return minimised(Failure(scenario: scenario, violation: violation))
    }

    /// What does not hold in a scenario, if anything.
    static func violation(in scenario: FuzzScenario) -> String? {
        var driver = VirtualTimeDriver(scenario.configuration, duration: scenario.duration)
        driver.arrivals = scenario.arrivals
        driver.checkInterval = 1
        driver.eventLimit = eventLimit
        scenario.add(to: &driver)
        return driver.run(on: FaultyDevice(scenario)).violation
    }

    /// The smallest scenario found that still fails: without faults, tasks or time that it does not need.
    ///
    /// - Parameter check: what does not hold in a scenario.
    static func minimised(
        _ failure: Failure, check: (FuzzScenario) -> String? = { violation(in: $0) }
    ) -> Failure {
        var smallest = failure
        var isSmaller = true
        while isSmaller {
            isSmaller = false
            for candidate in smallest.scenario.smaller() {
                guard let violation = check(candidate) else { continue }
                smallest = Failure(scenario: candidate, violation: violation)
                isSmaller = true
                break
            }
        }
        return smallest
    }
}

extension FuzzScenario {
    /// Puts the faults into a driver.
    func add(to driver: inout VirtualTimeDriver) {
        var every: [Int: Int] = [:]
        var offset = Nanoseconds.zero
        var steps: [(time: Nanoseconds, by: Nanoseconds)] = []
        for fault in faults {
            switch fault {
            case .slow: break
            case .failing(let task, let count): every[task] = count
            case .lostContext(let context, let at, let restored):
                driver.otherEvents.append((at, .contextLost(context)))
                if let restored { driver.otherEvents.append((restored, .contextRestored(context))) }
            case .clockStep(let at, let by): steps.append((at, by))
            case .burst(let task, let at, let count):
                driver.otherEvents += Array(repeating: (at, .jobReleased(task: task)), count: count)
            case .cancelled(let task, let sequence, let at):
                driver.otherEvents.append((at, .jobCancelled(JobID(task: task, sequence: sequence))))
            case .removedTask(let task, let at, let added):
                driver.otherEvents.append((at, .taskRemoved(task)))
                if let added { driver.otherEvents.append((added, .taskAdded(task))) }
            case .replacedTask(let task, let at, let added, let specification):
                driver.otherEvents += [(at, .taskRemoved(task)), (added, .taskAdded(task))]
                driver.replacements[task, default: []].append(specification)
            }
        }
        driver.clockSteps = steps.sorted { $0.time < $1.time }.map { step in
            offset += step.by
            return (step.time, offset)
        }
        if !every.isEmpty {
            let failing = every
            driver.fails = { job, stage, _ in
                failing[job.task].map { (job.sequence + stage) % $0 == $0 - 1 } ?? false
            }
        }
    }

    /// Scenarios with one thing less, the largest steps first.
    func smaller() -> [FuzzScenario] {
        var result: [FuzzScenario] = []
        if duration > Nanoseconds(1_000) {
            var shorter = self
            shorter.duration = Nanoseconds(duration.rawValue / 2)
            result.append(shorter)
        }
        for index in faults.indices {
            var fewer = self
            fewer.faults.remove(at: index)
            result.append(fewer)
        }
        // Silencing a task keeps the indices of the others.
        for index in arrivals.indices where arrivals[index] != nil {
            var quieter = self
            quieter.arrivals[index] = nil
            result.append(quieter)
        }
        return result
    }
}
