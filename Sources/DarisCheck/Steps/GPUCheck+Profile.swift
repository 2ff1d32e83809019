import CUDADriver
import DarisCore
import DarisRuntime
import DarisSimulator

/// Stage times.
extension GPUCheck {
    func profileStages() throws {
        let profiler = StageProfiler(device: options.device, cache: options.cache, progress: options.detail)
        var isComplete = true
        for entry in ProfilePlan.entries(isCPU: options.isRehearsal) {
            for network in options.networks {
                guard !isUp else {
                    isComplete = false
                    break
                }
                say("\(network.name) in \(SweepConfiguration(entry.kind, entry.partition).label)")
                do {
                    let before = try? context?.freeMemory().free
                    var taken = 0
                    let measured = try profiler.measure(
                        network.declaration(), kind: entry.kind, partition: entry.partition,
                        neighbours: entry.neighbours,
                        whenLoaded: {
                            if let before, let free = try? context?.freeMemory().free { taken = before - free }
                        })
                    let bytes = taken > 0 ? taken / entry.partition.lanes : measured.weightBytes
                    for record in measured.records {
                        results.neighbours.append(record)
                        profileBuilder.add(record, memoryMiB: Double(bytes) / 1_048_576)
                    }
                    for text in measured.notes { note("\(network.name): \(text)") }
                    try writeProfile()
                    try save()
                } catch let failure as ResultsFolder.Failure {
                    throw failure
                } catch {
                    note("\(network.name) in \(SweepConfiguration(entry.kind, entry.partition).label): \(error)")
                }
            }
        }
        if case .failure(let problem) = profileBuilder.profile(card: card, batching: []) {
            note("no profile was written: \(problem)")
        }
        finish(all: isComplete, measured: results.neighbours.count)
    }

    /// Writes the profile if it is complete enough for use.
    func writeProfile() throws(ResultsFolder.Failure) {
        let profile = profileBuilder.profile(card: card, batching: results.batching)
        guard case .success(let profile) = profile else { return }
        try folder.write(profile)
        results.profile = ResultsFolder.profile
    }

    private var card: GPUProfile {
        .card(
            context: context, title: results.deviceName, megahertz: energy.readings?.multiprocessorMegahertz)
    }
}
