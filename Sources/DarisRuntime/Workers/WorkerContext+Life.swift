import CDarisSystem
import DarisCore
import Foundation

/// Workers come and go: the keeper, a thread that lives as long as the context.
extension WorkerContext {
    /// A worker that is ready.
    private struct Worker: ~Copyable {
        var process: WorkerProcess
        let attachment: WorkerAttachment
    }

    /// Why a start did not lead to a worker.
    private enum StartFailure: Error {
        case stopped
        case failed(String)
    }

    /// Starts a worker, watches it, and starts another one when it ends, until told to end. Runs on a thread of its own.
    func keep() {
        let clock = MonotonicClock()
        var budget = settings.budget
        var specification = settings.specification
        var isFirst = true
        var reason = ""
        while !isStopping {
            if !isFirst {
                let pauses = budget.pauses
                let delay = budget.take(at: clock.now)
                if budget.pauses > pauses { state.withLock { $0.record.paused() } }
                if budget.isExhausted { settings.handlers.exhausted(settings.index) }
                wait(until: clock.now + delay, clock, reason)
                if isStopping { break }
            }
            do throws(StartFailure) {
                var worker = try startWorker(&specification, clock, isFirst: isFirst, reason)
                budget.started(at: clock.now)
                let attachment = worker.attachment
                let watching = try attach(attachment)
                if isFirst {
                    firstStart.tell(.success(()))
                } else {
                    state.withLock { $0.record.restarted() }
                    settings.handlers.tell(.restored(settings.index))
                }
                isFirst = false
                watchProcess(worker.process, attachment)
                attachment.close()
                for thread in watching { thread.join() }
                if isStopping {
                    reason = end(&worker.process)
                } else {
                    let words = worker.process.lastWords()
                    reason = worker.process.reap() + (words.map { ": \($0)" } ?? "")
                    if let violation = attachment.violation { reason = "its worker process went wrong: \(violation)" }
                    lose(DeviceError(reason, losesDevice: worker.process.hasLostDevice))
                }
            } catch {
                switch error {
                case .stopped: break
                case .failed(let words):
                    reason = words
                    if isFirst {
                        firstStart.tell(.failure(DeviceError(words)))
                        return
                    }
                }
            }
        }
        state.withLock { $0.attachment = nil }
        failLaunched(DeviceError("the device has been shut down"))
        firstStart.tell(.failure(DeviceError("the device has been shut down")))
    }

    private var isStopping: Bool { state.withLock { $0.isStopping } }

    // MARK: - Start

    private func startWorker(
        _ specification: inout WorkerSpecification, _ clock: MonotonicClock, isFirst: Bool, _ lastReason: String
    ) throws(StartFailure) -> Worker {
        do throws(DeviceError) {
            var process = try WorkerProcess.start(settings.program, specification)
            let deadline = clock.now + settings.startLimit
            while true {
                if isStopping { break }
                if let message = try process.nextMessage() {
                    switch message {
                    case .progress(let step):
                        if isFirst { settings.progress(step) }
                    case .failed(let words):
                        throw DeviceError(words)
                    case .ready(let data):
                        let attachment = try attachment(to: process, data, &specification)
                        return Worker(process: process, attachment: attachment)
                    }
                    continue
                }
                // Its own words have been read by now; what ended it is what is left to say.
                if process.hasHungUp {
                    process.killNow()
                    throw DeviceError(process.reap() + " before it was ready")
                }
                guard clock.now < deadline else {
                    throw DeviceError(
                        "its worker process was not ready after \(settings.startLimit.inSeconds) s")
                }
                _ = poll([process.socket.number], until: deadline, clock, lastReason)
            }
        } catch {
            throw .failed(error.description)
        }
        throw .stopped
    }

    /// Checks what a worker says of itself and maps its memory.
    private func attachment(
        to process: borrowing WorkerProcess, _ data: Data, _ specification: inout WorkerSpecification
    ) throws(DeviceError) -> WorkerAttachment {
        let readiness: WorkerReadiness
        do {
            readiness = try JSONDecoder().decode(WorkerReadiness.self, from: data)
        } catch {
            throw DeviceError("what its worker process says cannot be read; is it another version of daris?")
        }
        let error = daris_seal_size(process.memory.number)
        guard error == 0 else {
            throw DeviceError("the size of shared memory cannot be sealed: \(String(cString: strerror(error)))")
        }
        var facts = stat()
        guard fstat(process.memory.number, &facts) == 0 else { throw DeviceError("fstat fails on shared memory") }
        try readiness.check(
            taskCount: specification.tasks.count, lanes: settings.laneCount, fileBytes: Int(facts.st_size))
        let sizes = readiness.tasks.map { ($0.inputs.map(\.size), $0.outputs.map(\.size)) }
        try state.withLock { state throws(DeviceError) in
            if state.sizes.isEmpty {
                state.sizes = sizes
                state.shapes = readiness.shapes
            }
            for (old, new) in zip(state.sizes, sizes) where old != new {
                throw DeviceError("its worker process has tensors of other sizes than the one before")
            }
        }
        specification.shapes = readiness.shapes
        let memory = try SharedMemory(file: process.memory.number, byteCount: readiness.byteCount)
        return WorkerAttachment(
            memory: memory, process: process.number, lanes: settings.laneCount, tasks: readiness.tasks)
    }

    /// Lets launches go to a worker, and starts the threads that hear of their ends.
    private func attach(_ attachment: WorkerAttachment) throws(StartFailure) -> [DedicatedThread] {
        var isAttached = false
        while !isAttached {
            failLaunched(DeviceError("the context was lost"))
            isAttached = state.withLock { state in
                guard !state.lanes.contains(where: \.isBusy) else { return false }
                for lane in state.lanes.indices { state.lanes[lane].sequence = 0 }
                state.attachment = attachment
                daris_store(attachment.memory.termination, state.isTerminating ? 1 : 0)
                return true
            }
        }
        var watching: [DedicatedThread] = []
        do throws(DeviceError) {
            for lane in 0..<settings.laneCount {
                watching.append(
                    try DedicatedThread(
                        .init(
                            name: "daris-ends.\(settings.index).\(lane)", processors: settings.processors,
                            fifoPriority: settings.watchingPriority)
                    ) { self.watch(lane, attachment) })
            }
            return watching
        } catch {
            attachment.close()
            for thread in watching { thread.join() }
            state.withLock { $0.attachment = nil }
            failLaunched(error)
            throw .failed(error.description)
        }
    }

    // MARK: - Life and end

    /// Returns when the process has ended, is to end, or has written what cannot be; kills it then.
    private func watchProcess(_ process: borrowing WorkerProcess, _ attachment: WorkerAttachment) {
        while !isStopping {
            if attachment.violation != nil {
                process.killNow()
                return
            }
            if state.withLock({ $0.isTerminating }) { process.wake() }
            var files = [
                pollfd(fd: process.end.number, events: Int16(POLLIN), revents: 0),
                pollfd(fd: event.number, events: Int16(POLLIN), revents: 0),
            ]
            Glibc.poll(&files, 2, -1)
            if files[0].revents != 0 { return }
            takeEvent()
        }
    }

    /// Has a worker end, by force if need be.
    private func end(_ process: inout WorkerProcess) -> String {
        process.hangUp()
        var file = pollfd(fd: process.end.number, events: Int16(POLLIN), revents: 0)
        let limit = Int32(WorkerLimits.stop.inMilliseconds)
        if Glibc.poll(&file, 1, limit) <= 0 { process.killNow() }
        return process.reap()
    }

    private func lose(_ reason: DeviceError) {
        state.withLock { state in
            state.attachment = nil
            state.record.lost(reason.description)
        }
        settings.handlers.tell(.lost(settings.index, reason))
        failLaunched(DeviceError(reason.description))
    }

    // MARK: - Waiting

    private func wait(until time: Nanoseconds, _ clock: MonotonicClock, _ reason: String) {
        while !isStopping, clock.now < time { _ = poll([], until: time, clock, reason) }
    }

    /// Waits until one of the files can be read from, the keeper is woken, or a time has come; says which files.
    ///
    /// Fails what has been launched on the context meanwhile, which has no worker.
    private func poll(_ numbers: [Int32], until time: Nanoseconds, _ clock: MonotonicClock, _ reason: String) -> [Bool]
    {
        var files = (numbers + [event.number]).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        let left = min(max(0, (time - clock.now).inMilliseconds + 1), 3_600_000)
        Glibc.poll(&files, nfds_t(files.count), Int32(left))
        if files[numbers.count].revents != 0 {
            takeEvent()
            failLaunched(DeviceError("the context is lost: \(reason)"))
            usleep(useconds_t(WorkerLimits.failurePause.rawValue / 1_000))
        }
        return files.prefix(numbers.count).map { $0.revents != 0 }
    }

    private func takeEvent() {
        var count: UInt64 = 0
        read(event.number, &count, 8)
    }
}
