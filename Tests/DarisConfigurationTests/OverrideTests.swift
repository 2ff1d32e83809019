import DarisConfiguration
import DarisCore
import Testing

@Suite("Overrides")
struct OverrideTests {
    private func example() throws -> TaskSet { try TaskSet.parse(exampleText, file: "t.yaml") }

    /// What applying `overrides` to a file with 4 contexts and oversubscription 3 says.
    private func complaint(_ overrides: TaskSet.Overrides) throws -> String? {
        var set = try example()
        set.partition = Partition(contexts: 4, streams: 1, oversubscription: 3)
        let before = set
        do throws(ConfigurationError) {
            try set.apply(overrides)
            return nil
        } catch {
            #expect(set == before, "a refused override changes nothing")
            return error.description
        }
    }

    @Test("no overrides change nothing")
    func none() throws {
        var set = try example()
        try set.apply(TaskSet.Overrides())
        #expect(try set == example())
    }

    @Test("each override takes the place of the file's value, and of nothing else")
    func all() throws {
        var set = try example()
        try set.apply(
            TaskSet.Overrides(
                device: "cpu", contexts: 6, streams: 2, oversubscription: 5.5, load: 0.8,
                duration: .seconds(3 as Int64),
                seed: 9, policy: .fifo, window: 7, worstCaseExecutionTime: true, lastStageLevel: false,
                lateLevel: false, fixedPriority: false, migration: false, admission: false, forgetting: false,
                staging: false, batching: 4))
        var expected = try example()
        expected.partition = Partition(contexts: 6, streams: 2, oversubscription: 5.5)
        expected.load = 0.8
        expected.run = RunSettings(duration: .seconds(3 as Int64), seed: 9)
        expected.scheduler.policy = .fifo
        expected.scheduler.windowSize = 7
        expected.scheduler.worstCaseExecutionTime = true
        expected.scheduler.lastStageLevel = false
        expected.scheduler.lateLevel = false
        expected.scheduler.fixedPriority = false
        expected.scheduler.migration = false
        expected.scheduler.admission = false
        expected.scheduler.forgetting = false
        expected.staging = false
        expected.scheduler.batching = 4
        #expect(set == expected)
    }

    @Test("the rules of the published implementation can be chosen, and go with neither batching nor express lanes")
    func rules() throws {
        var set = try example()
        try set.apply(TaskSet.Overrides(express: 0, rules: .published))
        #expect(set.scheduler.rules == .all)
        try set.apply(TaskSet.Overrides(rules: .paper))
        #expect(set.scheduler.rules == nil)
        for other in [
            TaskSet.Overrides(express: 1, rules: .published), TaskSet.Overrides(batching: 4, rules: .published),
        ] {
            let error = #expect(throws: ConfigurationError.self) { try set.apply(other) }
            #expect(error?.message.contains("neither batches nor express lanes") == true)
        }
    }

    @Test(
        "one switch changes one option",
        arguments: [
            (\TaskSet.Overrides.worstCaseExecutionTime, \TaskSet.scheduler.worstCaseExecutionTime),
            (\.lastStageLevel, \.scheduler.lastStageLevel), (\.lateLevel, \.scheduler.lateLevel),
            (\.fixedPriority, \.scheduler.fixedPriority), (\.migration, \.scheduler.migration),
            (\.admission, \.scheduler.admission), (\.forgetting, \.scheduler.forgetting), (\.staging, \.staging),
        ] as [(WritableKeyPath<TaskSet.Overrides, Bool?> & Sendable, WritableKeyPath<TaskSet, Bool> & Sendable)])
    func oneSwitch(
        override: WritableKeyPath<TaskSet.Overrides, Bool?> & Sendable,
        option: WritableKeyPath<TaskSet, Bool> & Sendable
    ) throws {
        var expected = try example()
        expected[keyPath: option].toggle()
        // Without fixed priorities there are none.
        expected.chooseExpress()
        var overrides = TaskSet.Overrides()
        overrides[keyPath: override] = expected[keyPath: option]
        var set = try example()
        try set.apply(overrides)
        #expect(set == expected)
    }

    @Test(
        "a wrong value names its option",
        arguments: [
            (
                TaskSet.Overrides(device: "h200", kind: .streams, contexts: 2, oversubscription: 1),
                "--kind: kind streams has one context, not 2; use mps or green, or 'contexts: 1'"
            ),
            (
                TaskSet.Overrides(kind: .green),
                "--kind: 'green' is not a kind of partition of device cpu; use cores"
            ),
            (
                TaskSet.Overrides(device: "cuda:x"),
                "--device: 'cuda:x' is not a device; use cpu, cuda (or cuda:1 for the second GPU), or simulate rtx2080ti, h200, a100, orin or a device file (NAME.json)"
            ),
            (TaskSet.Overrides(contexts: 0), "--contexts: 0 is outside 1 to 256"),
            (TaskSet.Overrides(contexts: 257), "--contexts: 257 is outside 1 to 256"),
            (TaskSet.Overrides(streams: 0), "--streams: 0 is outside 1 to 256"),
            (
                TaskSet.Overrides(oversubscription: 4.5),
                "--oversubscription: 4.5 is outside 1 to 4, the number of contexts"
            ),
            (TaskSet.Overrides(oversubscription: 0), "--oversubscription: 0 is outside 1 to 4, the number of contexts"),
            (
                TaskSet.Overrides(oversubscription: .nan),
                "--oversubscription: nan is outside 1 to 4, the number of contexts"
            ),
            (TaskSet.Overrides(load: 0.001), "--load: 0.1 % is outside 1 % to 10000 %"),
            (TaskSet.Overrides(load: .infinity), "--load: inf is outside 1 % to 10000 %"),
            (TaskSet.Overrides(duration: .zero), "--duration: 0 s is outside 1 ms to 7 d"),
            (TaskSet.Overrides(window: 1025), "--window: 1025 is outside 1 to 1024"),
        ])
    func wrong(overrides: TaskSet.Overrides, error: String) throws {
        let complaint = try complaint(overrides)
        #expect(complaint == error, "\(complaint ?? "nothing")")
    }

    @Test("fewer contexts than the file's oversubscription need an oversubscription of their own")
    func fewerContexts() throws {
        #expect(
            try complaint(TaskSet.Overrides(contexts: 2))
                == "--contexts: 2 is below the file's oversubscription of 3; give --oversubscription also, from 1 to 2")
        #expect(try complaint(TaskSet.Overrides(contexts: 2, oversubscription: 2)) == nil)
        #expect(
            try complaint(TaskSet.Overrides(contexts: 2, oversubscription: 3))
                == "--oversubscription: 3 is outside 1 to 2, the number of contexts")
        #expect(try complaint(TaskSet.Overrides(contexts: 3)) == nil)
    }

    @Test("batching is overridden by a number of jobs, and switched off by 1")
    func batching() throws {
        var set = try example()
        try set.apply(TaskSet.Overrides(batching: 64))
        #expect(set.scheduler.batching == 64)
        try set.apply(TaskSet.Overrides(batching: 1))
        #expect(try set == example())
        #expect(throws: ConfigurationError.self) { try set.apply(TaskSet.Overrides(batching: 65)) }
        #expect(try SchedulerOptions.batching("ON") == SchedulerOptions.usualBatching)
        #expect(try SchedulerOptions.batching("off") == nil)
        #expect(try SchedulerOptions.batching("3") == 3)
    }
}
