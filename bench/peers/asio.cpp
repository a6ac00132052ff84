// asio: one session object per connection, kept alive by the handlers it has
// pending, with a buffer of its own, as in asio's echo example.
#include "net.h"

#include <asio.hpp>

#include <memory>
#include <utility>

using asio::ip::tcp;

namespace {

class session : public std::enable_shared_from_this<session> {
public:
  explicit session(tcp::socket socket) : socket_(std::move(socket)) {
  }

  void read() {
    auto self = shared_from_this();
    socket_.async_read_some(asio::buffer(data_.get(), bytes),
                            [this, self](std::error_code error, std::size_t n) {
                              if (!error)
                                write(n);
                            });
  }

private:
  static constexpr std::size_t bytes = 65536;

  void write(std::size_t n) {
    auto self = shared_from_this();
    asio::async_write(socket_, asio::buffer(data_.get(), n),
                      [this, self](std::error_code error, std::size_t) {
                        if (!error)
                          read();
                      });
  }

  tcp::socket socket_;
  std::unique_ptr<char[]> data_{new char[bytes]};
};

void accept(tcp::acceptor &acceptor) {
  acceptor.async_accept([&acceptor](std::error_code error, tcp::socket s) {
    if (!error)
      std::make_shared<session>(std::move(s))->read();
    accept(acceptor);
  });
}

} // namespace

int main(int argc, char **argv) {
  asio::io_context context(1);
  tcp::acceptor acceptor(context, tcp::v4(), net_listen(argc, argv));
  accept(acceptor);
  context.run();
  return 0;
}
