import Testing

@testable import DarisCore

@Suite("Tasks that are removed and added")
struct RemovedTaskTests {
    @Test("a removed task's job in flight runs on to its end, what waits is dropped, later releases are rejected")
    func removed() throws {
        var bench = try Bench([task(.high, overrun: .queue(limit: 2), afet: [10, 10])])
        for _ in 0..<3 { bench.release(0, at: 0) }
        let dropped = bench.send(.taskRemoved(0), at: 1)
        #expect(dropped.outcomes.map(\.job.sequence) == [1, 2])
        #expect(Set(dropped.fates) == [.dropped] && Set(dropped.reasons) == [.taskRemoved])
        let late = bench.release(0, at: 2)
        #expect(late.fates == [.rejected] && late.reasons == [.taskRemoved], "HP too")
        #expect(bench.complete(at: 10).started == [0])
        #expect(bench.complete(at: 20).fates == [.completed])
        let isRemoved = bench.scheduler.isRemoved(0)
        #expect(isRemoved)
        #expect(bench.send(.taskAdded(0), at: 30) == [])
        #expect(bench.release(0, at: 31).started == [0])
    }

    @Test("the utilisation of a removed HP task leaves its context at once, also while its job runs on")
    func highPriorityUtilisation() throws {
        var bench = try Bench([task("a", .high, afet: [60]), task("b", .low, afet: [60])])
        bench.release(0, at: 0)
        #expect(bench.release(1, at: 1).reasons == [.noContextFits])
        bench.send(.taskRemoved(0), at: 2)
        #expect(bench.scheduler.context(0).highPriority == .zero)
        #expect(bench.release(1, at: 3).admittedTo == 0)
        bench.complete(took: 90, at: 90)
        #expect(bench.scheduler.context(0).highPriority == .zero, "a measurement brings none of it back")
        bench.send(.taskAdded(0), at: 91)
        #expect(bench.scheduler.context(0).highPriority == Utilisation(900_000_000), "its window was kept")
    }

    @Test("the job in flight of a removed LP task counts as active until its end")
    func activeUtilisation() throws {
        var bench = try Bench([task("a", .low, afet: [60]), task("b", .low, afet: [60])])
        bench.release(0, at: 0)
        bench.send(.taskRemoved(0), at: 1)
        #expect(bench.release(1, at: 2).reasons == [.noContextFits])
        bench.complete(took: 60, at: 60)
        #expect(bench.release(1, at: 61).admittedTo == 0)
    }

    @Test("an added task goes to the live context with the least utilisation of the tasks that are in")
    func placed() throws {
        let tasks = [
            task("a", .high, afet: [30]), task("b", .high, afet: [20]), task("c", .low, afet: [25]),
            task("d", .low, afet: [5]),
        ]
        var bench = try Bench(contexts: 3, tasks, homes: [0, 1, 2, 0])
        bench.send(.taskRemoved(3), at: 0)
        bench.send(.taskAdded(3), at: 1)
        #expect(bench.scheduler.home(of: 3) == 1)
        bench.send(.taskRemoved(3), at: 2)
        bench.send(.taskRemoved(0), at: 3)
        bench.send(.taskAdded(3), at: 4)
        #expect(bench.scheduler.home(of: 3) == 0, "what a removed task had is free")
        bench.send(.taskRemoved(3), at: 5)
        bench.send(.contextLost(0), at: 6)
        bench.send(.taskAdded(3), at: 7)
        #expect(bench.scheduler.home(of: 3) == 1, "not on a lost context")
    }

    @Test("a removed task has no part in losses and restorations, and an added one returns to where it was added")
    func contexts() throws {
        var bench = try Bench(
            contexts: 2, [task("a", .high, afet: [30]), task("b", .low, afet: [20])], homes: [0, 1])
        bench.send(.taskRemoved(0), at: 0)
        bench.send(.contextLost(0), at: 1)
        #expect(bench.scheduler.context(1).highPriority == .zero)
        bench.send(.contextRestored(0), at: 2)
        #expect(bench.scheduler.context(0).highPriority == .zero)
        bench.send(.contextLost(0), at: 3)
        bench.send(.taskAdded(0), at: 4)
        #expect(bench.scheduler.home(of: 0) == 1)
        bench.send(.contextRestored(0), at: 5)
        #expect(bench.scheduler.home(of: 0) == 1, "its place is where it was added")
        bench.send(.contextLost(1), at: 6)
        #expect(bench.scheduler.home(of: 0) == 0)
        bench.send(.contextRestored(1), at: 7)
        #expect(bench.scheduler.home(of: 0) == 1)
    }

    @Test("a task added while every context is lost is taken in by the first one back")
    func addedInTheDark() throws {
        var bench = try Bench(contexts: 2, [task("a", .high)], homes: [0])
        bench.send(.taskRemoved(0), at: 0)
        for context in 0..<2 { bench.send(.contextLost(context), at: 1) }
        #expect(bench.release(0, at: 2).reasons == [.taskRemoved], "the task's own reason before the contexts'")
        bench.send(.taskAdded(0), at: 3)
        #expect(bench.release(0, at: 4).reasons == [.noContextAlive])
        bench.send(.contextRestored(1), at: 5)
        #expect(bench.release(0, at: 6).admittedTo == 1)
    }

    @Test("removing and adding twice is once, and tasks that do not exist are ignored")
    func idempotent() throws {
        var bench = try Bench(contexts: 2, [task("a", .high), task("b", .low)], homes: [0, 0])
        for index in [0, 0, -1, 2, .max, .min] { #expect(bench.send(.taskRemoved(index), at: 0) == []) }
        #expect(bench.scheduler.context(0).highPriority == .zero)
        bench.send(.taskAdded(1), at: 1)
        #expect(bench.scheduler.home(of: 1) == 0, "one that is in stays where it is")
        for index in [0, 0, -1, 2, .max, .min] { #expect(bench.send(.taskAdded(index), at: 2) == []) }
        #expect(bench.scheduler.context(1).highPriority == Utilisation(100_000_000))
        #expect(bench.scheduler.home(of: 0) == 1)
    }
}
