import DarisSimulator
import Testing

@testable import DarisCore

@Suite("The auditor")
struct AuditorTests {
    /// The walk of a seed, decided by the scheduler itself; every MRET it reports is checked too.
    private func auditScheduler(seed: UInt64, events: Int) throws -> Violation? {
        var walk = try RandomWalk(seed: seed, instances: !seed.isMultiple(of: 3))
        var auditor = Auditor(walk.configuration)
        var scheduler = Scheduler(walk.configuration)
        var commands = CommandBuffer()
        func step(_ event: Event) -> Violation? {
            let time = Nanoseconds(walk.now)
            walk.note(event)
            scheduler.handle(event, at: time, into: &commands)
            for command in commands { walk.note(command) }
            if let violation = auditor.observe(event, at: time, commands: commands) { return violation }
            for task in walk.configuration.tasks.indices {
                for stage in walk.configuration.tasks[task].afet.indices {
                    let mret = scheduler.mret(of: task, stage: stage)
                    if let violation = auditor.check(mret: mret, of: task, stage: stage) { return violation }
                }
            }
            return nil
        }
        for _ in 0..<events {
            walk.advance()
            if let violation = step(walk.randomEvent()) { return violation }
            while walk.isSimultaneous() { if let violation = step(walk.release()) { return violation } }
        }
        while let end = walk.nextEnd() { if let violation = step(end) { return violation } }
        let counts = scheduler.counts
        #expect(auditor.jobs == counts, "seed \(seed)")
        return auditor.finish()
    }

    @Test("finds nothing wrong with the scheduler", arguments: 0..<12)
    func sound(batch: Int) throws {
        for index in 0..<50 {
            let seed = UInt64(1_000_000 + batch * 50 + index)
            let violation = try auditScheduler(seed: seed, events: 40 + index)
            #expect(violation == nil, "seed \(seed)")
        }
    }

    @Test("finds nothing wrong with a whole run in virtual time that has every kind of event in it")
    func soundRun() throws {
        let record = try RunRecordTests.record()
        var auditor = Auditor(record.configuration)
        var violation: Violation?
        var steps: [(time: Nanoseconds, event: Event, commands: CommandBuffer)] = []
        for entry in record.entries {
            switch entry.content {
            case .event(let event): steps.append((entry.time, event, []))
            case .command(let command): steps[steps.count - 1].commands.append(command)
            case .trace, .task: break
            }
        }
        for step in steps { violation = auditor.observe(step.event, at: step.time, commands: step.commands) }
        #expect(violation == nil)
        #expect(auditor.finish() == nil)
        let jobs = auditor.jobs
        #expect(jobs.inFlight == 0 && jobs.failed > 0 && jobs.rejected > 0 && jobs.dropped > 0)
    }

    @Test("tells the first violation, and nothing else after it")
    func first() throws {
        let configuration = try SchedulerConfiguration(
            partition: Partition(contexts: 1, streams: 1, oversubscription: 1), tasks: [task(.high), task(.low)])
        var auditor = Auditor(configuration)
        let silent = auditor.observe(.jobReleased(task: 0), at: milliseconds(3), commands: [])
        #expect(silent?.invariant == .jobFates && silent?.time == milliseconds(3))
        #expect(silent?.description == "invariant 1, at 3000000 ns: nothing was said of job 0 of task 0")
        let stray = Command.dispatch(job: JobID(task: 1, sequence: 0), stage: 0, lane: 0)
        #expect(auditor.observe(.timerFired, at: milliseconds(4), commands: [stray]) == silent)
        #expect(auditor.finish() == silent)
    }

    @Test("commands about tasks, jobs, lanes and contexts that do not exist are violations and no crash")
    func nonsense() throws {
        let configuration = try SchedulerConfiguration(
            partition: Partition(contexts: 1, streams: 1, oversubscription: 1), tasks: [task(.high)])
        let outcome = JobOutcome(
            job: JobID(task: 0, sequence: 0), fate: .completed, reason: .onTime, priority: .high, release: .zero,
            deadline: .zero, finish: .zero)
        for number in [-1, 1, Int.min, Int.max] {
            let job = JobID(task: number, sequence: 0)
            let known = JobID(task: 0, sequence: 0)
            var stranger = outcome
            stranger.job = job
            for commands: CommandBuffer in [
                [.admitted(job, context: 0, migrated: false)], [.admitted(known, context: number, migrated: true)],
                [.queued(job)], [.dispatch(job: job, stage: 0, lane: 0)],
                [.admitted(known, context: 0, migrated: false), .dispatch(job: known, stage: 0, lane: number)],
                [.admitted(known, context: 0, migrated: false), .dispatch(job: known, stage: number, lane: 0)],
                [.finished(stranger)], [.finished(outcome)],
            ] {
                var auditor = Auditor(configuration)
                let violation = auditor.observe(.jobReleased(task: 0), at: .zero, commands: commands)
                #expect(violation != nil, "\(commands)")
            }
            for event: Event in [
                .stageCompleted(lane: number, job: job, executionTime: .zero), .stageFailed(lane: number, job: job),
                .jobCancelled(job), .contextLost(number), .contextRestored(number), .taskRemoved(number),
                .taskAdded(number),
            ] {
                var auditor = Auditor(configuration)
                let violation = auditor.observe(event, at: .zero, commands: [])
                #expect(violation == nil, "\(event)")
            }
        }
    }

    /// The walk of a seed, decided by a mutant; `nil` too if it cannot be made.
    private func audit(_ mutant: Mutant, seed: UInt64, events: Int, checkingTimes: Bool) throws -> Violation? {
        var walk = try RandomWalk(seed: seed, instances: seed.isMultiple(of: 3))
        var configuration = walk.configuration
        mutant.configure(&configuration)
        guard (try? configuration.validate()) != nil else { return nil }
        var auditor = Auditor(walk.configuration)
        var scheduler = Scheduler(configuration)
        var commands = CommandBuffer()
        let scheduled = configuration
        func step(_ event: Event) -> Violation? {
            let time = Nanoseconds(walk.now)
            walk.note(event)
            if let heard = mutant.hear(event) {
                scheduler.handle(heard, at: time, into: &commands)
            } else {
                commands.removeAll()
            }
            let passed = CommandBuffer(commands.flatMap { mutant.pass($0, scheduled) })
            for command in passed { walk.note(command) }
            if let violation = auditor.observe(event, at: time, commands: passed) { return violation }
            guard checkingTimes else { return nil }
            for task in walk.configuration.tasks.indices {
                for stage in walk.configuration.tasks[task].afet.indices {
                    let mret = scheduler.mret(of: task, stage: stage)
                    if let violation = auditor.check(mret: mret, of: task, stage: stage) { return violation }
                }
            }
            return nil
        }
        for _ in 0..<events {
            walk.advance()
            if let violation = step(walk.randomEvent()) { return violation }
            while walk.isSimultaneous() { if let violation = step(walk.release()) { return violation } }
        }
        return nil
    }

    /// The first three violations of a mutant in at most 1,500 walks.
    private func violations(of mutant: Mutant, checkingTimes: Bool = false) throws -> [Violation] {
        var found: [Violation] = []
        var seed: UInt64 = 0
        while found.count < 3 && seed < 1_500 {
            if let violation = try audit(mutant, seed: seed, events: 80, checkingTimes: checkingTimes) {
                found.append(violation)
            }
            seed += 1
        }
        return found
    }

    @Test("catches a scheduler with one fault, and names the invariant", arguments: Mutant.all)
    func catches(mutant: Mutant) throws {
        let found = try violations(of: mutant)
        #expect(found.count == 3)
        for violation in found { #expect(mutant.invariants.contains(violation.invariant), "\(violation)") }
    }

    @Test("catches wrong MRETs where they are told", arguments: Mutant.ofExecutionTimes)
    func catchesExecutionTimes(mutant: Mutant) throws {
        let found = try violations(of: mutant, checkingTimes: true)
        #expect(found.count == 3)
        // Where an event brings two decisions, the second may show it first.
        #expect(found.contains { $0.invariant == .executionTimes })
        for violation in found {
            #expect(mutant.invariants.union([.executionTimes]).contains(violation.invariant), "\(violation)")
        }
    }

    @Test("a scheduler decides the same again for the same walk")
    func repeatable() throws {
        func trace(_ seed: UInt64) throws -> [CommandBuffer] {
            var walk = try RandomWalk(seed: seed, instances: true)
            var scheduler = Scheduler(walk.configuration)
            var (commands, trace) = (CommandBuffer(), [CommandBuffer]())
            for _ in 0..<200 {
                walk.advance()
                let event = walk.randomEvent()
                walk.note(event)
                scheduler.handle(event, at: Nanoseconds(walk.now), into: &commands)
                for command in commands { walk.note(command) }
                trace.append(commands)
            }
            return trace
        }
        for seed in UInt64(90_000)..<90_010 {
            let first = try trace(seed)
            #expect(try first == trace(seed))
        }
        #expect(try trace(1) != trace(2))
    }
}
