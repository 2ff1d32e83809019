import CUDADriver
import DarisCore
import DarisRuntime

/// The proof of SM maps.
extension GPUCheck {
    func proveMaps() throws {
        guard gpu != nil else {
            note("a CPU has no SMs")
            results[.maps].state = .skipped
            return
        }
        let shapes: [(PartitionKind, Partition)] = [
            (.streams, Partition(contexts: 1, streams: 2, oversubscription: 1)),
            (.green, Partition(contexts: 4, streams: 1, oversubscription: 1)),
            (.green, Partition(contexts: 4, streams: 1, oversubscription: 2)),
            (.green, Partition(contexts: 6, streams: 1, oversubscription: 6)),
            (.mps, Partition(contexts: 4, streams: 1, oversubscription: 1)),
        ]
        var count = 0
        for (kind, partition) in shapes where !isUp {
            say(SweepConfiguration(kind, partition).label)
            let record = kind == .mps ? mpsMap(partition) : map(kind, partition)
            results.maps.append(record)
            if record.isMeasured { count += 1 }
            if let remark = record.remark { note("\(SweepConfiguration(kind, partition).label): \(remark)") }
            try save()
        }
        for record in results.maps where record.problem != nil {
            note("\(SweepConfiguration(record.kind, record.partition).label): \(record.problem ?? "")")
        }
        finish(all: results.maps.count == shapes.count, measured: count)
    }

    private func map(_ kind: PartitionKind, _ partition: Partition) -> MapRecord {
        do throws(CUDAError) {
            let proof = try SMMapProof.measure(gpu: options.gpu, partition: partition, kind: kind)
            return MapRecord(
                kind: kind, partition: partition, promised: proof.promised.map(\.count), found: proof.found,
                problem: proof.problems.isEmpty ? nil : proof.problems.joined(separator: ", "), isMeasured: true)
        } catch {
            return MapRecord(
                kind: kind, partition: partition, promised: [], found: [], problem: error.description, isMeasured: false
            )
        }
    }

    /// Under MPS each context is a process with a limit on the number of SMs that it uses at once.
    private func mpsMap(_ partition: Partition) -> MapRecord {
        let begin = clock.now
        do {
            if let obstacle = obstacles[.mps] { throw DeviceError(obstacle) }
            let proof = try SMMapProof.measureUnderMPS(gpu: options.gpu, partition: partition)
            return MapRecord(
                kind: .mps, partition: partition, promised: proof.promised.map(\.count), found: proof.found,
                isMeasured: true, remark: proof.exceeded.isEmpty ? nil : proof.exceeded.joined(separator: ", "))
        } catch {
            dropIfHung(.mps, since: begin)
            return MapRecord(
                kind: .mps, partition: partition, promised: [], found: [], problem: "\(error)", isMeasured: false)
        }
    }
}
