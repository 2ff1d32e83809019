import Foundation
import Testing

@testable import DarisCore

@Suite("Bounds of response times")
struct ResponseBoundTests {
    // MARK: - By hand

    /// Times in nanoseconds.
    private func task(
        period: Int64, deadline: Int64? = nil, priority: Priority = .high, instances: Int = 1,
        overrun: OverrunRule = .skip, _ afet: [Int64]
    ) -> TaskSpecification {
        TaskSpecification(
            name: "t", period: Nanoseconds(period), deadline: deadline.map { Nanoseconds($0) }, priority: priority,
            instances: instances, overrun: overrun, afet: afet.map { Nanoseconds($0) })
    }

    private func bounds(
        streams: Int = 1, express: Int = 0, _ tasks: [TaskSpecification], preemption: Int64 = 0,
        pausesOne: Bool = false, sharesVary: Bool = false, groups: [BatchGroup]? = nil,
        change: (inout SchedulerConfiguration) -> Void = { _ in }
    ) throws -> [ResponseBound] {
        var configuration = try SchedulerConfiguration(
            partition: Partition(contexts: 1, streams: streams, oversubscription: 1, express: express), tasks: tasks,
            batchGroups: groups)
        change(&configuration)
        return ResponseBound.bounds(
            configuration, preemption: Nanoseconds(preemption), pausesOne: pausesOne, sharesVary: sharesVary)
    }

    private func responses(_ bounds: [ResponseBound]) -> [Int64?] { bounds.map { $0.response?.rawValue } }

    @Test("alone, a job takes its own time; with LP on its lane, the longest LP stage besides")
    func alone() throws {
        let job = task(period: 100, [10, 20])
        #expect(responses(try bounds([job])) == [30])
        #expect(responses(try bounds(streams: 3, [job])) == [30])
        let low = [task(period: 100, priority: .low, [5, 9, 1]), task(period: 70, priority: .low, [7])]
        let blocked = try bounds([job] + low)
        #expect(responses(blocked) == [39])
        #expect(blocked[0].blocking == Nanoseconds(9))
        #expect(blocked[0].isInTime && blocked[0].gap == nil)
        // Both lanes run LP stages at the release, half of each counts; nothing takes the job's lane between its stages.
        #expect(responses(try bounds(streams: 2, [job] + low)) == [38])
    }

    @Test("on one lane a job waits for stages that are due before its own, and not for the rest of their jobs")
    func order() throws {
        // The long job's third stage is due long after the short job; it can have begun, and its last stage follows it.
        let (short, long) = (task(period: 50, [5, 5]), task(period: 400, deadline: 360, [10, 10, 10, 10]))
        let found = try bounds([short, long])
        #expect(responses(found) == [30, 50])
        #expect(found[0].theorem == .oneLaneInOrder)
        // Where it is not known when stages are due, any of them may go first.
        #expect(responses(try bounds([short, long], sharesVary: true))[0] == 50)
    }

    @Test("a job of one stage waits for its like alone, since last stages go first")
    func single() throws {
        let (single, other) = (task(period: 100, deadline: 90, [10]), task(period: 100, deadline: 20, [1, 2, 3, 4]))
        #expect(responses(try bounds([single, other]))[0] == 17, "stages 3 and 4 of the other have begun")
        let withoutLevel = try bounds([single, other]) { $0.options.lastStageLevel = false }
        #expect(responses(withoutLevel)[0] == 20, "the other is due before")
    }

    @Test("express lanes take LP away, but for the time that preemption takes at each stage")
    func express() throws {
        let tasks = [task(period: 100, [10, 20]), task(period: 100, priority: .low, [50])]
        #expect(responses(try bounds(tasks)) == [80])
        #expect(responses(try bounds(express: 1, tasks)) == [30])
        let late = try bounds(express: 1, tasks, preemption: 3)
        #expect(responses(late) == [36])
        #expect(late[0].blocking == Nanoseconds(6))
        #expect(responses(try bounds(express: 1, [tasks[0]], preemption: 3)) == [30], "there is no LP")
    }

    @Test("fewer express lanes than streams: as many lanes without LP, or all of them with it")
    func someExpress() throws {
        let tasks = (0..<4).map { _ in task(period: 100, [10]) }
        let low = task(period: 100, priority: .low, [1])
        #expect(responses(try bounds(streams: 2, express: 1, tasks + [low])) == [40, 40, 40, 40])
        #expect(
            responses(try bounds(streams: 2, express: 1, tasks + [low], pausesOne: true))
                == responses(try bounds(streams: 2, tasks + [low])))
        #expect(
            responses(try bounds(streams: 2, express: 2, tasks + [low])) == responses(try bounds(streams: 2, tasks)))
    }

    @Test("more work than lanes can do has no bound, and says why")
    func overload() throws {
        let tasks = [task(period: 10, [6]), task(period: 10, [6])]
        let found = try bounds(tasks)
        #expect(responses(found) == [nil, nil])
        #expect(found[0].gap == .overload && !found[0].isInTime)
        #expect(responses(try bounds(streams: 2, tasks)) == [6, 6], "a lane for each")
        let crowd = try bounds(streams: 2, Array(repeating: tasks[0], count: 4))
        #expect(crowd.allSatisfy { $0.gap == .tooLong })
    }

    @Test("without fixed priority LP competes, and express lanes mean nothing")
    func noPriority() throws {
        let tasks = [task(period: 100, [10]), task(period: 100, deadline: 50, priority: .low, [10, 10])]
        #expect(responses(try bounds(tasks) { $0.options.fixedPriority = false }) == [30])
        #expect(responses(try bounds(tasks) { $0.options.policy = .edf }) == [30])
        let found = try bounds(express: 1, tasks) { $0.options.fixedPriority = false }
        #expect(found[0].gap == .expressWithoutPriority)
    }

    @Test("a bound within the deadline is not enough where it is beyond the next release, which is skipped")
    func skipped() throws {
        let tasks = [task(period: 20, deadline: 100, [15]), task(period: 200, priority: .low, [10])]
        #expect(try !bounds(tasks)[0].isInTime)
        #expect(try bounds([task(period: 20, deadline: 100, overrun: .queue(limit: 2), [15]), tasks[1]])[0].isInTime)
    }

    @Test("in batches a stage is as long as the largest")
    func batches() throws {
        func group(_ task: TaskSpecification) -> TaskSpecification {
            var task = task
            task.batchGroup = 0
            return task
        }
        let tasks = [group(task(period: 100, [10])), group(task(period: 100, [10]))]
        let sizes = [2, 4].map { BatchGroup.Size(jobs: $0, afet: [Nanoseconds(Int64(8 * $0))]) }
        func bounds(_ batching: Int?) throws -> [Int64?] {
            try responses(self.bounds(tasks, groups: [BatchGroup(sizes: sizes)]) { $0.options.batching = batching })
        }
        #expect(try bounds(nil) == [20, 20])
        #expect(try bounds(2) == [32, 32])
        #expect(try bounds(4) == [64, 64])
    }

    // MARK: - By search

    /// A family of sets, and what is analysed of it.
    struct Family: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var sets = RandomTaskSets()
        var device = ResponseSearch.Device()
        /// Express lanes that the analysis knows of; the scheduler then runs HP alone, which is the same to HP.
        var express = 0
        var sharesVary = false
        /// Whether half of the sets must be bounded closely; not where few patterns come near the worst.
        var isClose = true
        var seed: UInt64 = 1
    }

    static let families: [Family] = [
        Family(testDescription: "one lane with LP"),
        Family(testDescription: "one lane without LP", sets: RandomTaskSets(lowPriority: 0)),
        Family(testDescription: "one lane with an express lane", express: 1),
        Family(
            testDescription: "one lane with an express lane that preempts late",
            device: ResponseSearch.Device(delay: 2), express: 1),
        Family(
            testDescription: "one lane, levels and admission on and off",
            sets: RandomTaskSets(
                options: [(true, false), (false, true), (false, false)].map { last, late in
                    var options = SchedulerOptions()
                    (options.lastStageLevel, options.lateLevel, options.admission) = (last, late, false)
                    return options
                }), isClose: false),
        Family(
            testDescription: "one lane, no priorities",
            sets: RandomTaskSets(
                load: 0.5,
                options: SchedulingPolicy.allCases.map { policy in
                    var options = SchedulerOptions()
                    (options.policy, options.fixedPriority) = (policy, false)
                    return options
                })),
        Family(
            testDescription: "one lane, releases that queue", sets: RandomTaskSets(load: 0.95, queues: true)),
        Family(
            testDescription: "one lane, execution times that vary", device: ResponseSearch.Device(varies: true),
            sharesVary: true, isClose: false),
        Family(testDescription: "two lanes with LP", sets: RandomTaskSets(streams: 2), isClose: false),
        Family(
            testDescription: "two lanes, releases that queue, times that vary",
            sets: RandomTaskSets(streams: 2, deadlines: 1...3, queues: true),
            device: ResponseSearch.Device(varies: true), isClose: false),
        Family(testDescription: "three lanes without LP", sets: RandomTaskSets(streams: 3, lowPriority: 0)),
        Family(
            testDescription: "two lanes with express lanes", sets: RandomTaskSets(streams: 2), express: 2),
        Family(
            testDescription: "two contexts, several instances",
            sets: RandomTaskSets(streams: 2, contexts: 2, load: 0.4, queues: true, instances: true), isClose: false),
    ]

    /// How many sets of each family there are, and how many patterns of releases are tried. `DARIS_BOUND_SETS` tries more.
    private static let sets = ProcessInfo.processInfo.environment["DARIS_BOUND_SETS"].flatMap { Int($0) }

    @Test("no response exceeds its bound, and half of the sets in time have seen two thirds of it", arguments: families)
    func search(_ family: Family) throws {
        var random = SplitMix64(seed: family.seed)
        var (inTime, close) = (0, 0)
        for _ in 0..<(Self.sets ?? 10) {
            let configuration = try family.sets.next(&random)
            var (analysed, run) = (configuration, configuration)
            analysed.partition.express = family.express
            if family.express > 0 { run = try configuration.withoutLowPriority() }
            let bounds = ResponseBound.bounds(
                analysed, preemption: Nanoseconds(family.device.delay), sharesVary: family.sharesVary)
            var search = ResponseSearch(run, family.device, seed: random.next())
            search.run(tries: Self.sets == nil ? 16 : 300)
            var isClose = true
            for bound in bounds {
                guard let response = bound.response?.rawValue else { continue }
                let seen = search.longest[bound.task]
                #expect(seen <= response, "task \(bound.task) of \(run), by \(bound.theorem!)")
                isClose = isClose && 2 * response <= 3 * seen
            }
            let isInTime = zip(bounds, analysed.tasks).allSatisfy {
                $0.response.map { [d = $1.deadline] in $0 <= d } ?? false
            }
            if isInTime {
                inTime += 1
                close += isClose ? 1 : 0
            }
        }
        if Self.sets != nil { print("\(family.testDescription): \(close) of \(inTime) sets in time are close") }
        if family.isClose { #expect(inTime > 0 && 2 * close >= inTime, "\(close) of \(inTime) sets") }
    }
}

extension SchedulerConfiguration {
    /// The HP tasks, which come first, with their homes.
    fileprivate func withoutLowPriority() throws -> Self {
        var configuration = self
        configuration.tasks.removeAll { $0.priority == .low }
        configuration.homes = Array(homes.prefix(configuration.tasks.reduce(0) { $0 + $1.instances }))
        try configuration.validate()
        return configuration
    }
}
