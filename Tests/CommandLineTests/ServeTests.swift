import Foundation
import Testing

@Suite("Serving")
struct ServeTests {
    @Test("an address in use is reported before anything is loaded")
    func addressInUse() throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let port = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                _ = bind(listener, address, size)
                _ = listen(listener, 1)
                getsockname(listener, address, &size)
            }
            return UInt16(bigEndian: pointer.pointee.sin_port)
        }
        try #require(port != 0)
        let workplace = try Workplace()
        try workplace.write(TestModels.small, to: "net.onnx")
        let result = try workplace.daris("serve", "--models", ".", "--http", "127.0.0.1:\(port)", "--grpc", "off")
        #expect(result.exitCode == 1 && result.output.isEmpty)
        #expect(result.errorLines == ["error: 127.0.0.1:\(port) cannot be listened on: Address already in use"])
    }
}
