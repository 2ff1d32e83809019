import Foundation
import Testing

@Suite("Telemetry")
struct TelemetryTests {
    @Test("opening the library turns its telemetry off, so it keeps no database of events open")
    func off() throws {
        let fixture = try Fixture.make()
        _ = try fixture.session(TestModels.addOne)
        #expect(getenv("ORT_DISABLE_TELEMETRY").map { String(cString: $0) } == "1")
        let descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
        let files = descriptors.compactMap {
            try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")
        }
        #expect(!files.contains { $0.contains("onnxruntime.db") })
    }
}
