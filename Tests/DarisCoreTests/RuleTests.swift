import Testing

@testable import DarisCore

@Suite("MRET and virtual deadlines")
struct ExecutionTimeTests {
    @Test("MRET is the maximum of the last w_s samples, and AFET stands in until there is one")
    func window() {
        var windows = ExecutionTimeWindows(afet: [Nanoseconds(50), Nanoseconds(7)], size: 3)
        #expect(windows[0] == Nanoseconds(50))
        var seen: [Int64] = []
        for sample: Int64 in [10, 40, 20, 5, 6, 4, 9, 9, 1, 2, 3] {
            let before = windows[0]
            seen.append(sample)
            let changed = windows.record(Nanoseconds(sample), stage: 0)
            #expect(windows[0] == Nanoseconds(seen.suffix(3).max()!), "after \(seen)")
            #expect(changed == windows[0] - before)
        }
        #expect(windows[1] == Nanoseconds(7), "another stage's window is untouched")
        #expect(windows.recentSamples(stage: 0).sorted() == [1, 2, 3].map { Nanoseconds($0) })
    }

    @Test("a window of one sample is the last execution time")
    func windowOfOne() {
        var windows = ExecutionTimeWindows(afet: [.zero], size: 1)
        for sample: Int64 in [9, 3, 5] {
            _ = windows.record(Nanoseconds(sample), stage: 0)
            #expect(windows[0] == Nanoseconds(sample))
        }
    }

    @Test("the WCET ablation never forgets, and does not count AFET as a measurement")
    func worstCase() {
        var windows = ExecutionTimeWindows(afet: [Nanoseconds(100)], size: 2, keepsAllTimeMaximum: true)
        var maximum: [Int64] = []
        for sample: Int64 in [10, 40, 20, 5, 6, 4] {
            _ = windows.record(Nanoseconds(sample), stage: 0)
            maximum.append(windows[0].rawValue)
        }
        #expect(maximum == [10, 40, 40, 40, 40, 40])
    }

    @Test("a measurement moves the utilisation of its task")
    func utilisation() throws {
        var bench = try Bench([task(.high, afet: [10, 20])])
        #expect(bench.scheduler.utilisation(of: 0) == Utilisation(300_000_000))
        bench.release(0, at: 0)
        bench.complete(took: 40, at: 40)
        #expect(bench.scheduler.mret(of: 0, stage: 0) == milliseconds(40))
        #expect(bench.scheduler.mret(of: 0) == milliseconds(60))
        #expect(bench.scheduler.utilisation(of: 0) == Utilisation(600_000_000))
        #expect(bench.scheduler.context(0).highPriority == Utilisation(600_000_000))
    }

    @Test(
        "virtual deadlines share the deadline out in proportion to MRET, and the last is the deadline to the nanosecond"
    )
    func virtualDeadlines() {
        func due(_ upTo: Int64, of total: Int64, deadline: Int64 = 100) -> Int64 {
            VirtualDeadlines.deadline(
                release: Nanoseconds(1000), relativeDeadline: Nanoseconds(deadline), upTo: Nanoseconds(upTo),
                total: Nanoseconds(total)
            ).rawValue
        }
        #expect(due(1, of: 4) == 1025)
        #expect(due(3, of: 4) == 1075)
        #expect(due(4, of: 4) == 1100)
        #expect(due(1, of: 3) == 1033, "rounded down")
        #expect(due(7, of: 7, deadline: 99_999_999_999_999) == 100_000_000_000_999)
        #expect(due(0, of: 0) == 1100, "nothing known: all of D")
    }

    @Test("a job keeps the virtual deadlines of its release while MRET moves on")
    func virtualDeadlinesAtRelease() throws {
        var bench = try Bench([task(period: 1000, deadline: 100, .high, afet: [10, 30])])
        func expect(_ first: Int64, _ second: Int64) {
            let jobs = bench.scheduler.jobs
            let due = [jobs.virtualDeadline(0, stage: 0), jobs.virtualDeadline(0, stage: 1)]
            #expect(due == [milliseconds(first), milliseconds(second)])
        }
        bench.release(0, at: 0)
        expect(25, 100)
        bench.complete(took: 30, at: 30)
        expect(25, 100)
        bench.complete(took: 30, at: 60)
        bench.release(0, at: 1000)
        expect(1050, 1100)
    }
}

@Suite("Placement and quota")
struct PlacementTests {
    private func place(_ tasks: [(Priority, Int64)], on contexts: Int) -> [Int] {
        Placement.place(
            tasks.map { ($0.0, Utilisation($0.1)) }, on: Array(0..<contexts),
            load: Array(repeating: .zero, count: contexts))
    }

    @Test("HP tasks go first, each group by descending utilisation, each to the least utilised context")
    func order() {
        // HP 6, 5, 3 → contexts 0, 1, 1 (load 6, 8); LP 4 → 0 (10, 8); LP 2 → 1 (10, 10); LP 1 → 0.
        #expect(
            place([(.low, 1), (.high, 3), (.low, 4), (.high, 6), (.high, 5), (.low, 2)], on: 2) == [0, 1, 0, 0, 1, 1])
    }

    @Test("ties go to the earlier task and the lower context")
    func ties() {
        #expect(place([(.low, 5), (.high, 5), (.high, 5), (.low, 5)], on: 3) == [2, 0, 1, 0])
    }

    @Test(
        "SM quotas of a 68-SM GPU are even and follow the oversubscription",
        arguments: [
            (1, 1.0, 68), (2, 1.0, 34), (2, 1.5, 52), (2, 2.0, 68), (3, 1.0, 24), (3, 1.5, 34), (3, 2.0, 46),
            (3, 3.0, 68),
            (4, 1.0, 18), (4, 1.5, 26), (4, 2.0, 34), (4, 4.0, 68), (6, 1.0, 12), (6, 1.5, 18), (6, 2.0, 24),
            (6, 6.0, 68),
            (8, 1.0, 10), (8, 1.5, 14), (8, 2.0, 18), (8, 8.0, 68), (10, 1.0, 8), (10, 1.5, 12), (10, 2.0, 14),
            (10, 10.0, 68),
        ])
    func gpuQuota(contexts: Int, oversubscription: Double, quota: Int) {
        let partition = Partition(contexts: contexts, streams: 1, oversubscription: oversubscription)
        #expect(partition.quota(units: 68, granularity: 2) == quota)
    }

    @Test(
        "core quotas of a 2-core CPU",
        arguments: [(1, 1.0, 2), (2, 1.0, 1), (2, 1.5, 2), (2, 2.0, 2), (3, 1.0, 1), (4, 2.0, 1), (4, 4.0, 2)])
    func cpuQuota(contexts: Int, oversubscription: Double, quota: Int) {
        let partition = Partition(contexts: contexts, streams: 1, oversubscription: oversubscription)
        #expect(partition.quota(units: 2, granularity: 1) == quota)
    }

    @Test("a product a hair above a whole number costs no unit more")
    func quotaRounding() {
        #expect(Partition(contexts: 11, streams: 1, oversubscription: 1.1).quota(units: 10, granularity: 1) == 1)
    }

    @Test("shapes have the paper's names")
    func names() {
        #expect(Partition(contexts: 1, streams: 8, oversubscription: 1).policyName == "STR")
        #expect(Partition(contexts: 6, streams: 1, oversubscription: 1).policyName == "MPS")
        #expect(Partition(contexts: 3, streams: 2, oversubscription: 1).policyName == "MPS+STR")
    }
}

@Suite("Admission and migration")
struct AdmissionTests {
    @Test("the admission inequality is strict at the boundary")
    func strict() {
        var context = Admission.Context()
        context.highPriority = Utilisation(500_000_000)
        context.activeLowPriority = Utilisation(300_000_000)
        #expect(!context.admits(Utilisation(1_200_000_000), streams: 2))
        #expect(context.admits(Utilisation(1_199_999_999), streams: 2))
        context.isAlive = false
        #expect(!context.admits(.zero, streams: 2))
    }

    @Test("the headroom of a context is what its test admits, to the billionth of a lane")
    func headroom() {
        var random = SplitMix64(seed: 7)
        for _ in 0..<10_000 {
            let streams = Int(random.next() % 12) + 1
            var context = Admission.Context()
            context.isAlive = random.next() % 8 > 0
            context.highPriority = Utilisation(Int64(random.next() % UInt64(streams) * 1_100_000_000))
            context.activeLowPriority = Utilisation(Int64(random.next() % 3_000_000_000))
            for time in 0..<Int64(random.next() % 16) {
                context.safetyFactor.learn(
                    isLate: random.next() % 2 == 0, since: Nanoseconds(time), now: Nanoseconds(time))
            }
            let (capacity, headroom) = (Utilisation.lanes(streams), context.headroom(of: .lanes(streams)))
            let edges = [-1, 0, 1].map { Utilisation(max(0, headroom.rawValue + $0)) }
            for asked in edges + [.zero, Utilisation(Int64(random.next() % 12_000_000_000))] {
                let isAdmitted = context.admits(asked, streams: streams)
                #expect(isAdmitted == (asked < headroom))
                #expect(isAdmitted == (context.isAlive && context.counted(asked) < capacity - context.highPriority))
            }
        }
    }

    @Test("an LP job that would fill its context exactly is rejected, one that leaves a crumb is admitted")
    func strictInTheScheduler() throws {
        var bench = try Bench([task(.high, afet: [40]), task(.low, afet: [60]), task(.low, afet: [59])])
        let full = bench.release(1, at: 0)
        #expect(full.fates == [.rejected] && full.reasons == [.noContextFits])
        #expect(bench.release(2, at: 0).admittedTo == 0)
    }

    @Test("a task that a bad moment made too long for every context forgets it, release by release")
    func forgetting() throws {
        var bench = try Bench([task(period: 100, afet: [10])])
        // One stage took longer than the period: as things stand, no context could ever admit the task again.
        bench.release(0, at: 0)
        bench.complete(took: 20, at: 20)
        bench.release(0, at: 100)
        bench.complete(took: 150, at: 250)
        #expect(bench.scheduler.mret(of: 0) == milliseconds(150))
        #expect(bench.release(0, at: 300).contains { $0.isRejection })
        #expect(bench.scheduler.mret(of: 0) == milliseconds(150), "the oldest sample, 20 ms, went first")
        #expect(bench.release(0, at: 400).contains { $0.isRejection })
        #expect(bench.scheduler.mret(of: 0) == milliseconds(10), "with no sample left, AFET stands in again")
        #expect(!bench.release(0, at: 500).contains { $0.isRejection })
    }

    @Test("a task that is rejected only because others are in flight forgets nothing")
    func notForgetting() throws {
        var bench = try Bench([task("a", afet: [60]), task("b", afet: [60])])
        bench.release(1, at: 0)
        bench.complete(took: 70, at: 70)
        bench.release(0, at: 80)
        #expect(bench.release(1, at: 100).contains { $0.isRejection })
        #expect(bench.scheduler.mret(of: 1) == milliseconds(70))
    }

    @Test("LP utilisation counts only while a job is in flight")
    func active() throws {
        var bench = try Bench([task(.low, afet: [60]), task(.low, afet: [60])])
        #expect(bench.release(0, at: 0).admittedTo == 0)
        #expect(bench.release(1, at: 1).fates == [.rejected])
        bench.complete(took: 60, at: 60)
        #expect(bench.release(1, at: 61).admittedTo == 0)
    }

    @Test("an HP job is never rejected, however full its context")
    func highPriority() throws {
        var bench = try Bench([task(.high, afet: [90]), task(.high, afet: [90]), task(.high, afet: [400])])
        for task in 0..<3 { #expect(bench.release(task, at: 0).admittedTo == 0) }
    }

    /// Context `index` with this work, and nothing else that matters.
    private func context(work: Int64, active: Int64 = 0, alive: Bool = true) -> Admission.Context {
        var context = Admission.Context()
        context.work = Nanoseconds(work)
        context.activeLowPriority = Utilisation(active)
        context.isAlive = alive
        return context
    }

    private func target(_ contexts: [Admission.Context], streams: Int = 2) -> Int? {
        Admission.migrationTarget(
            from: 0, utilisation: Utilisation(100), executionTime: Nanoseconds(10), streams: streams,
            contexts: ContiguousArray(contexts))
    }

    @Test("an LP job migrates to the context that will finish it first")
    func earliestFinish() {
        #expect(target([context(work: 0), context(work: 30), context(work: 20), context(work: 40)]) == 2)
        #expect(context(work: 31).predictedFinish(Nanoseconds(10), streams: 2) == Nanoseconds(25))
    }

    @Test("equal finishes go to the least active utilisation, then to the lowest index")
    func migrationTies() {
        #expect(
            target([
                context(work: 0), context(work: 9, active: 5), context(work: 9, active: 4), context(work: 9, active: 4),
            ]) == 2)
    }

    @Test("no job migrates to a context that is full or lost")
    func notAdmitting() {
        let full = context(work: 0, active: 2_000_000_000)
        #expect(target([context(work: 0), full, context(work: 0, alive: false)]) == nil)
        #expect(target([context(work: 0), full, context(work: 99)]) == 2)
    }

    @Test("a migrated job runs on its new context, and its next job starts from its own again")
    func migration() throws {
        var bench = try Bench(contexts: 2, [task(.low, afet: [60]), task(.low, afet: [60])], homes: [0, 0])
        bench.release(0, at: 0)
        let moved = bench.release(1, at: 1)
        #expect(moved.admittedTo == 1 && moved.migrated == true && moved.lanes == [1])
        #expect(bench.ledger.figures(.low).migrated == 1)
        bench.complete(lane: 0, took: 60, at: 60)
        bench.complete(lane: 1, took: 60, at: 61)
        #expect(bench.release(1, at: 101).migrated == false)
    }
}

@Suite("The stage queue")
struct StageQueueTests {
    @Test("the eight levels stand in the paper's order")
    func levels() {
        let order: [(Priority, Bool, Bool)] = [
            (.high, true, true), (.high, true, false), (.high, false, true), (.high, false, false),
            (.low, true, true), (.low, true, false), (.low, false, true), (.low, false, false),
        ]
        for (level, stage) in order.enumerated() {
            #expect(ReadyQueue.level(stage.0, isLast: stage.1, isLate: stage.2) == UInt8(level))
        }
    }

    @Test("level before virtual deadline before release before task")
    func ties() {
        func entry(_ level: UInt8, _ due: Int64, _ release: Int64, _ task: Int) -> ReadyQueue.Entry {
            ReadyQueue.Entry(level: level, virtualDeadline: Nanoseconds(due), release: Nanoseconds(release), job: task)
        }
        let sorted = [entry(0, 9, 9, 9), entry(1, 1, 9, 9), entry(1, 2, 1, 9), entry(1, 2, 2, 1), entry(1, 2, 2, 2)]
        var queue = ReadyQueue(capacity: 1)
        for entry in sorted.reversed() { queue.insert(entry) }
        queue.remove(job: 77)
        var out: [ReadyQueue.Entry] = []
        while let next = queue.popFirst() { out.append(next) }
        #expect(out == sorted)
    }

    /// The order in which three ready jobs go when the lane that task 0 holds is freed.
    private func order(_ tasks: [TaskSpecification], options: SchedulerOptions = SchedulerOptions()) throws -> [Int] {
        var bench = try Bench([task(period: 1000, .high, afet: [10])] + tasks, options: options)
        bench.release(0, at: 0)
        for index in tasks.indices { bench.release(index + 1, at: 0) }
        var order: [Int] = []
        var time: Int64 = 10
        while bench.scheduler.dispatch(on: 0) != nil {
            order += bench.complete(took: 1, at: time).started
            time += 1
        }
        return order
    }

    @Test("HP goes before LP, an earlier virtual deadline before a later one")
    func priorityThenDeadline() throws {
        let tasks = [
            task(period: 1000, deadline: 50, .low), task(period: 1000, deadline: 900, .high),
            task(period: 1000, deadline: 800, .high),
        ]
        #expect(try order(tasks) == [3, 2, 1])
        var options = SchedulerOptions()
        options.fixedPriority = false
        #expect(try order(tasks, options: options) == [1, 3, 2], "EDF alone")
    }

    @Test("a last stage goes before a first one that is due earlier; without the level it does not")
    func lastStage() throws {
        let tasks = [
            task(period: 1000, deadline: 300, .high, afet: [1, 1]), task(period: 1000, deadline: 500, .high, afet: [1]),
        ]
        #expect(try order(tasks) == [2, 1, 1])
        var options = SchedulerOptions()
        options.lastStageLevel = false
        #expect(try order(tasks, options: options) == [1, 1, 2])
    }

    @Test(
        "a stage whose predecessor was late goes before one due earlier; without the level it does not",
        arguments: [true, false])
    func lateStage(level: Bool) throws {
        var options = SchedulerOptions()
        options.lateLevel = level
        let tasks = [
            task(period: 1000, deadline: 900, .high, afet: [1, 200, 700]),  // first stage due at 1
            task(period: 1000, deadline: 20, .high, afet: [10, 10]),
        ]
        var bench = try Bench(tasks, options: options)
        bench.release(0, at: 0)
        bench.release(1, at: 0)
        // Task 0's first stage ends at 15, past its virtual deadline; its second is due at 201, task 1's first at 10.
        #expect(bench.complete(took: 15, at: 15).started == [level ? 0 : 1])
    }

    @Test("a stage that ends exactly at its virtual deadline is not late")
    func notLate() throws {
        var bench = try Bench([
            task(period: 1000, deadline: 30, .high, afet: [10, 10, 10]),
            task(period: 1000, deadline: 14, .high, afet: [1, 1]),
        ])
        bench.release(0, at: 0)
        bench.release(1, at: 0)
        #expect(bench.complete(took: 10, at: 10).started == [1])
    }

    @Test("nothing that runs is interrupted")
    func nonPreemptive() throws {
        var bench = try Bench([task(.low, afet: [10, 10]), task(.high)])
        #expect(bench.release(0, at: 0).started == [0])
        #expect(bench.release(1, at: 1).started == [])
        #expect(bench.complete(at: 10).started == [1], "the stage boundary is the preemption point")
    }

    @Test("the lane that has become free is taken first, else the lowest idle one")
    func lanes() throws {
        var bench = try Bench(streams: 3, (0..<4).map { task("t\($0)", .high, afet: [10, 10]) })
        #expect(bench.release(0, at: 0).lanes == [0])
        #expect(bench.release(1, at: 0).lanes == [1])
        bench.complete(lane: 0, at: 1)
        #expect(bench.complete(lane: 1, at: 1).lanes == [1])
        #expect(bench.release(2, at: 2).lanes == [2])
    }

    @Test("a queued release starts on the lane its predecessor leaves, though a lower lane is idle")
    func laneOfQueued() throws {
        var bench = try Bench(streams: 2, [task("a", .high), task("b", .high, overrun: .queue(limit: 1))])
        bench.release(0, at: 0)
        bench.release(1, at: 0)
        bench.release(1, at: 1)
        bench.complete(lane: 0, at: 10)
        #expect(bench.complete(lane: 1, at: 11).lanes == [1])
    }

    @Test("EDF and FIFO know no priority and admit everything")
    func baselines() throws {
        let tasks = [
            task(period: 1000, deadline: 900, .high, afet: [400]), task(period: 1000, deadline: 100, .low, afet: [900]),
        ]
        var options = SchedulerOptions()
        options.policy = .edf
        #expect(try order(tasks, options: options) == [2, 1])
        options.policy = .fifo
        #expect(try order(tasks, options: options) == [1, 2])
    }
}

extension Command {
    fileprivate var isRejection: Bool {
        if case .finished(let outcome) = self { outcome.fate == .rejected } else { false }
    }
}
