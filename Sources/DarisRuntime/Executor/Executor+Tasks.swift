import DarisCore

/// Tasks that come and go while it runs (docs/decisions/0022).
extension Executor {
    /// Takes a task in, at a place that is free, from this moment on.
    ///
    /// - Parameter former: a task that it replaces and that is about to be removed: what is set aside for that one is free for it.
    /// - Returns: its index, under which jobs are submitted.
    package func add(_ task: LoadedTask, insteadOf former: Int? = nil) throws(TaskAdditionError) -> Int {
        guard let device = device.changing else { throw .noDevice }
        let specification = task.specification
        // A place is taken by one task alone.
        let place: Int? = freePlaces.withLock { free in
            let place = free.sorted().first { place in
                let room = configuration.tasks[place]
                return specification.instances <= room.instances && specification.afet.count <= room.afet.count
            }
            if let place { free.remove(place) }
            return place
        }
        guard let place else {
            throw .noPlace(instances: specification.instances, stages: specification.afet.count)
        }
        let problem: TaskAdditionError? = decide { state in
            guard state.takesJobs else { return .stopped }
            let time = clock.now
            state.scheduler.replace(place, with: specification)
            state.notes.append(.replaced(task: place, specification.priority, batch: specification.batch))
            options.taskObserver?(place, specification, time)
            _ = device.put(task.instances, at: instances[place])
            handle(.taskAdded(place), at: time, &state)
            guard let context = overfullContext(with: place, without: former, state) else { return nil }
            handle(.taskRemoved(place), at: time, &state)
            return .highPriorityDoesNotFit(context: context)
        }
        if let problem {
            clear(place)
            throw problem
        }
        return place
    }

    /// Takes a task out: releases are rejected from this moment on, and its jobs in flight run to their ends.
    package func remove(_ task: Int) {
        decide { state in
            if !state.isOver { handle(.taskRemoved(task), at: clock.now, &state) }
        }
    }

    /// The name of a task.
    package func name(of task: Int) -> String { state.withLock { $0.scheduler.configuration.tasks[task].name } }

    /// Whether a task has jobs in flight.
    package func hasJobs(_ task: Int) -> Bool { state.withLock { $0.scheduler.jobsInFlight(of: task) > 0 } }

    /// Where the instances of a task start.
    package func homes(of task: Int) -> [Int] { state.withLock { $0.scheduler.homes(of: task) } }

    /// Frees the memory of a task that was removed and has no job in flight, and its place for another.
    package func clear(_ task: Int) {
        // Let go of here, under no lock.
        let former = device.changing?.put(nil, at: instances[task])
        withExtendedLifetime(former) {}
        freePlaces.withLock { _ = $0.insert(task) }
    }

    /// The context of an HP task on which more is set aside than its lanes can give; `nil` if there is none.
    private func overfullContext(with task: Int, without former: Int?, _ state: borrowing State) -> Int? {
        guard configuration.tasks.indices.contains(task), state.scheduler.configuration.tasks[task].priority == .high
        else { return nil }
        var freed = [Utilisation](repeating: .zero, count: configuration.partition.contexts)
        if let former, state.scheduler.configuration.tasks[former].priority == .high, !state.scheduler.isRemoved(former)
        {
            for home in state.scheduler.homes(of: former) { freed[home] += state.scheduler.utilisation(of: former) }
        }
        let capacity = Utilisation.lanes(configuration.partition.streams)
        return state.scheduler.homes(of: task).first { home in
            state.scheduler.context(home).highPriority - freed[home] > capacity
        }
    }
}

/// Why a task cannot be taken in.
package enum TaskAdditionError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The device has the models that it was made with.
    case noDevice
    /// No place is free, or none that is large enough.
    case noPlace(instances: Int, stages: Int)
    /// What it needs is not left on a context.
    case highPriorityDoesNotFit(context: Int)
    /// Nothing runs any more.
    case stopped

    /// What is wrong and what would help.
    package var description: String {
        switch self {
        case .noDevice: "the device loads no models while it runs"
        case .noPlace(let instances, let stages):
            "no place is free for a model of \(instances) instance\(instances == 1 ? "" : "s") and \(stages) "
                + "stage\(stages == 1 ? "" : "s"); unload another, or start the server with more of them "
                + "('serve: {repository: {spare: …}}' or --spare)"
        case .highPriorityDoesNotFit(let context):
            "with it, the high-priority tasks of context \(context) need more than its lanes have; lower its rate, or unload "
                + "another"
        case .stopped: "the server is ending"
        }
    }
}
