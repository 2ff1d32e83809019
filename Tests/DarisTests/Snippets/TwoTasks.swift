import DarisCore

/// What the scheduler decides when a camera's job comes while another one runs on the only lane, and when that one ends.
func twoTasks() throws -> [CommandBuffer] {
    var scheduler = Scheduler(
        try SchedulerConfiguration(
            partition: Partition(contexts: 1, streams: 1, oversubscription: 1),
            tasks: [
                TaskSpecification(name: "front", period: .milliseconds(33), priority: .high, afet: [.milliseconds(4)]),
                TaskSpecification(name: "side", period: .milliseconds(100), priority: .low, afet: [.milliseconds(9)]),
            ]))
    let side = JobID(task: 1, sequence: 0)
    let events: [(Event, at: Nanoseconds)] = [
        (.jobReleased(task: 1), at: .zero),  // admitted and dispatched
        (.jobReleased(task: 0), at: .milliseconds(1)),  // admitted
        (.stageCompleted(lane: 0, job: side, executionTime: .milliseconds(9)), at: .milliseconds(9)),
    ]
    return events.map { event, time in
        var commands = CommandBuffer()
        scheduler.handle(event, at: time, into: &commands)
        return commands
    }
}
